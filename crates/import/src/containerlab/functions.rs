//! The functions that containerlab adds to Go's templates; most are gomplate's.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::{FuncMap, Result, TemplateError, Value};
use ipnet::IpNet;

/// Longest sequence.
const MOST_STEPS: usize = 100_000;

/// All of them by name.
pub(super) fn all() -> FuncMap {
    let mut functions = FuncMap::new();
    let mut add = |name: &str, function: fn(&[Value]) -> Result<Value>| {
        functions.insert(name.to_owned(), Arc::new(function));
    };
    add("add", |args| {
        calculated("add", args, i64::checked_add, |a, b| a + b)
    });
    add("subtract", |args| {
        calculated("subtract", args, i64::checked_sub, |a, b| a - b)
    });
    add("mul", |args| {
        calculated("mul", args, i64::checked_mul, |a, b| a * b)
    });
    add("idiv", |args| integers("idiv", args, i64::checked_div));
    add("rem", |args| integers("rem", args, i64::checked_rem));
    add("div", |args| {
        let [a, b] = two("div", args)?;
        Ok(Value::Float(float(a)? / float(b)?))
    });
    add("seq", sequence);
    add("slice", |args| {
        Ok(Value::List(args.iter().cloned().collect()))
    });
    add("ToJSON", |args| json(args, false));
    add("ToJSONPretty", |args| json(args, true));
    // `strings.Split` calls a function `strings` and takes the answer's field `Split`. Arguments go
    // to the function, so each of these answers with all that its namesakes make of them.
    add("strings", |args| {
        Ok(namespace(&[
            ("Split", split(args)),
            ("ReplaceAll", replace_all(args)),
        ]))
    });
    add("conv", |args| {
        let number = args.first().map_or(Ok(0), integer).map(Value::Int);
        Ok(namespace(&[("Join", join(args)), ("ToInt", number)]))
    });
    add("net", |args| Ok(namespace(&[("CIDRHost", host(args))])));
    functions
}

/// A namespace has only what was possible; what is missing is seen in what is rendered.
fn namespace(members: &[(&str, Result<Value>)]) -> Value {
    let mut map: BTreeMap<Arc<str>, Value> = BTreeMap::new();
    for (name, answer) in members {
        if let Ok(value) = answer {
            map.insert((*name).into(), value.clone());
        }
    }
    Value::Map(Arc::new(map))
}

fn failed(message: impl Into<String>) -> TemplateError {
    TemplateError::Exec(message.into())
}

fn two<'a>(name: &str, args: &'a [Value]) -> Result<[&'a Value; 2]> {
    match args {
        [a, b] => Ok([a, b]),
        _ => Err(TemplateError::ArgCount {
            name: name.to_owned(),
            expected: 2,
            got: args.len(),
        }),
    }
}

fn calculated(
    name: &str,
    args: &[Value],
    of_integers: fn(i64, i64) -> Option<i64>,
    of_floats: fn(f64, f64) -> f64,
) -> Result<Value> {
    let [a, b] = two(name, args)?;
    let is_float = |value: &Value| match value {
        Value::Float(_) => true,
        Value::String(text) => text.parse::<i64>().is_err() && text.parse::<f64>().is_ok(),
        Value::Nil
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Uint(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Function(_) => false,
    };
    if is_float(a) || is_float(b) {
        return Ok(Value::Float(of_floats(float(a)?, float(b)?)));
    }
    integers(name, args, of_integers)
}

fn integers(name: &str, args: &[Value], of: fn(i64, i64) -> Option<i64>) -> Result<Value> {
    let [a, b] = two(name, args)?;
    let result = of(integer(a)?, integer(b)?);
    result
        .map(Value::Int)
        .ok_or_else(|| failed(format!("{name} of {a} and {b} is not a number")))
}

fn integer(value: &Value) -> Result<i64> {
    let refused = || failed(format!("{value} is not a number"));
    match value {
        Value::Int(number) => Ok(*number),
        Value::Uint(number) => i64::try_from(*number).map_err(|_| refused()),
        #[allow(clippy::cast_possible_truncation, reason = "as Go cuts a number off")]
        Value::Float(number) => Ok(*number as i64),
        Value::Bool(value) => Ok(i64::from(*value)),
        Value::String(text) => text.replace(',', "").parse().map_err(|_| refused()),
        Value::Nil | Value::List(_) | Value::Map(_) | Value::Function(_) => Err(refused()),
    }
}

fn float(value: &Value) -> Result<f64> {
    match value {
        Value::Float(number) => Ok(*number),
        Value::String(text) => text
            .replace(',', "")
            .parse()
            .map_err(|_| failed(format!("{value} is not a number"))),
        #[allow(clippy::cast_precision_loss, reason = "as Go converts it")]
        Value::Nil
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Uint(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Function(_) => integer(value).map(|number| number as f64),
    }
}

/// `seq END`, `seq START END` or `seq START END STEP`, both ends in it; down where the end is lower.
fn sequence(args: &[Value]) -> Result<Value> {
    let (start, end, step) = match args {
        [end] => (1, integer(end)?, 1),
        [start, end] => (integer(start)?, integer(end)?, 1),
        [start, end, step] => (integer(start)?, integer(end)?, integer(step)?),
        _ => return Err(failed("seq takes one to three numbers")),
    };
    let step = step.unsigned_abs();
    if step == 0 {
        return Ok(Value::List(Arc::new([])));
    }
    let steps = start.abs_diff(end) / step;
    if steps >= MOST_STEPS as u64 {
        return Err(failed(format!("seq of more than {MOST_STEPS} numbers")));
    }
    let step = i64::try_from(step).map_err(|_| failed("the step of seq is too large"))?;
    let step = if end < start { -step } else { step };
    let numbers = std::iter::successors(Some(start), |number| number.checked_add(step));
    let count = usize::try_from(steps).unwrap_or(MOST_STEPS) + 1;
    Ok(Value::List(numbers.take(count).map(Value::Int).collect()))
}

fn split(args: &[Value]) -> Result<Value> {
    let [separator, text] = two("strings.Split", args)?;
    let (separator, text) = (separator.to_string(), text.to_string());
    let part = |part: &str| Value::String(part.into());
    Ok(Value::List(if separator.is_empty() {
        text.chars().map(|c| part(&c.to_string())).collect()
    } else {
        text.split(&separator).map(part).collect()
    }))
}

fn replace_all(args: &[Value]) -> Result<Value> {
    match args {
        [old, new, text] => {
            let (old, text) = (old.to_string(), text.to_string());
            let replaced = if old.is_empty() {
                text
            } else {
                text.replace(&old, &new.to_string())
            };
            Ok(Value::String(replaced.into()))
        }
        _ => Err(failed("strings.ReplaceAll takes three texts")),
    }
}

fn join(args: &[Value]) -> Result<Value> {
    match args {
        [Value::List(parts), separator] => {
            let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
            Ok(Value::String(parts.join(&separator.to_string()).into()))
        }
        _ => Err(failed("conv.Join takes a list and a separator")),
    }
}

/// The host of a number in a network: `net.CIDRHost 2 "10.3.0.0/16"` is 10.3.0.2; negative numbers
/// count from the end.
fn host(args: &[Value]) -> Result<Value> {
    let [number, network] = two("net.CIDRHost", args)?;
    let refused = || failed(format!("`{network}` is not a network with a host {number}"));
    let net: IpNet = network.to_string().parse().map_err(|_| refused())?;
    let number = i128::from(integer(number)?);
    let (first, last) = match (net.network(), net.broadcast()) {
        (std::net::IpAddr::V4(first), std::net::IpAddr::V4(last)) => {
            (u128::from(first.to_bits()), u128::from(last.to_bits()))
        }
        (std::net::IpAddr::V6(first), std::net::IpAddr::V6(last)) => {
            (first.to_bits(), last.to_bits())
        }
        _ => return Err(refused()),
    };
    let from = if number < 0 {
        last.checked_add(1)
    } else {
        Some(first)
    };
    let address = from.and_then(|from| from.checked_add_signed(number));
    let address = address
        .filter(|address| (first..=last).contains(address))
        .ok_or_else(refused)?;
    let text = match net {
        IpNet::V4(_) => {
            let bits = u32::try_from(address).map_err(|_| refused())?;
            std::net::Ipv4Addr::from_bits(bits).to_string()
        }
        IpNet::V6(_) => std::net::Ipv6Addr::from_bits(address).to_string(),
    };
    Ok(Value::String(text.into()))
}

/// `ToJSON VALUE`, or `ToJSONPretty VALUE PREFIX INDENT`.
fn json(args: &[Value], pretty: bool) -> Result<Value> {
    let value = args.first().unwrap_or(&Value::Nil);
    let value = as_json(value);
    let text = if pretty {
        serde_json::to_string_pretty(&value)
    } else {
        serde_json::to_string(&value)
    };
    let text = text.map_err(|error| failed(error.to_string()))?;
    Ok(Value::String(text.into()))
}

fn as_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Nil | Value::Function(_) => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(number) => (*number).into(),
        Value::Uint(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::String(text) => text.as_ref().into(),
        Value::List(parts) => parts.iter().map(as_json).collect(),
        Value::Map(map) => map
            .iter()
            .map(|(key, value)| (key.to_string(), as_json(value)))
            .collect(),
    }
}

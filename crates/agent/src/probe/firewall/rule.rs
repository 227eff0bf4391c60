//! Formats one rule as text, always in the same way.
//!
//! nlink prints a rule as nft does, or not at all. Before that, the rule's expressions are rewritten:
//! those without an effect are removed, a set in braces is replaced by each of its elements, and
//! iptables extensions, whose meaning only the kernel knows, appear by name.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "expressions that need no change stay as they are"
)]

use std::collections::{BTreeMap, BTreeSet};

use nlink::netlink::nftables::{
    CmpOp, CtKey, Expr, NFTA_RULE_EXPRESSIONS, RangeOp, Register, RuleExpr, RuleInfo, SetElement,
    SetElementData, Verdict, parse_expressions, write_expressions,
};
use nlink::netlink::{AttrIter, MessageBuilder, NLMSG_HDRLEN};

/// Most texts that one rule with sets may expand to.
const TEXTS_LIMIT: usize = 256;

/// Name of an extension in the data of `match` and `target`
/// (`NFTA_MATCH_NAME`, `NFTA_TARGET_NAME` in `linux/netfilter/nf_tables_compat.h`).
const EXTENSION_NAME: u16 = 1;

/// The type bits of an attribute beside its flags (`NLA_TYPE_MASK`).
const TYPE_MASK: u16 = 0x3fff;

/// A formatted rule.
pub(super) struct FormattedRule {
    /// Its text: one, or one for every element of its sets.
    pub(super) texts: Vec<String>,
    /// Its verdicts.
    pub(super) verdicts: Vec<Verdict>,
}

/// What is known about the value that a set is searched for.
#[derive(Clone, Copy, Default)]
struct RegisterState {
    /// Whether it was converted from the host's byte order.
    byte_swapped: bool,
    /// Whether it is a connection state, which is matched as one bit of several.
    state: bool,
}

impl RegisterState {
    fn update(&mut self, part: &RuleExpr) {
        self.byte_swapped |= matches!(part, RuleExpr::Byteorder { .. });
        self.state = matches!(
            part,
            RuleExpr::Ct {
                key: CtKey::State,
                ..
            }
        );
    }
}

/// One expression, parsed and as the kernel's bytes.
type RawExpression = (RuleExpr, Vec<u8>);

/// The anonymous sets, which rules write in braces.
pub(super) fn anonymous_sets(rule: &RuleInfo) -> BTreeSet<String> {
    let sets = rule.expressions().into_iter().filter_map(|part| {
        if let RuleExpr::Lookup { set, .. } = part {
            Some(set)
        } else {
            None
        }
    });
    sets.filter(|set| set.starts_with("__")).collect()
}

/// Formats a rule; an error if the text would not be exact.
pub(super) fn format_rule(
    rule: &RuleInfo,
    sets: &BTreeMap<String, Vec<SetElement>>,
    interfaces: &BTreeMap<u32, String>,
) -> anyhow::Result<FormattedRule> {
    let mut variants: Vec<Vec<u8>> = vec![Vec::new()];
    let (mut before, mut behind) = (String::new(), String::new());
    let mut verdicts = Vec::new();
    let mut register = RegisterState::default();
    for (part, bytes) in expressions(&rule.expression_bytes) {
        let choices = match &part {
            RuleExpr::Counter { .. } => continue,
            RuleExpr::Unknown { name, data, .. } if name == "match" => {
                before.push_str(&format!("xt match {} ", extension_name(data)));
                continue;
            }
            RuleExpr::Unknown { name, data, .. } if name == "target" => {
                behind.push_str(&format!(" xt target {}", extension_name(data)));
                continue;
            }
            RuleExpr::Lookup {
                set,
                sreg,
                dreg,
                invert,
                ..
            } if sets.contains_key(set) => {
                anyhow::ensure!(!invert, "it excludes a set in braces");
                let elements = sets.get(set).into_iter().flatten();
                let choices =
                    elements.map(|one| expand_element(one, *sreg, *dreg, register, &mut verdicts));
                choices.collect::<anyhow::Result<Vec<_>>>()?
            }
            RuleExpr::Verdict(verdict) => {
                verdicts.push(verdict.clone());
                vec![bytes]
            }
            other => {
                register.update(other);
                vec![bytes]
            }
        };
        anyhow::ensure!(
            variants.len() * choices.len() <= TEXTS_LIMIT,
            "its sets have more than {TEXTS_LIMIT} elements"
        );
        variants = choices
            .iter()
            .flat_map(|choice| {
                variants
                    .iter()
                    .map(move |variant| [variant.as_slice(), choice].concat())
            })
            .collect();
    }
    let texts = variants.into_iter().map(|variant| {
        let text = print_rule(rule, variant, interfaces)?;
        Ok(format!("{before}{text}{behind}").trim().to_owned())
    });
    let mut texts = texts.collect::<anyhow::Result<Vec<_>>>()?;
    // The kernel returns the elements of a set in an undefined order.
    texts.sort();
    Ok(FormattedRule { texts, verdicts })
}

/// The rule's expressions one by one.
fn expressions(list: &[u8]) -> impl Iterator<Item = RawExpression> {
    AttrIter::new(list).filter_map(|(kind, payload)| {
        let mut builder = MessageBuilder::new(0, 0);
        builder.append_attr(kind, payload);
        let bytes = builder.as_bytes().get(NLMSG_HDRLEN..)?.to_vec();
        let part = parse_expressions(&bytes).into_iter().next()?;
        Some((part, bytes))
    })
}

/// The expressions that replace a set by one of its elements.
fn expand_element(
    element: &SetElement,
    sreg: Register,
    dreg: Option<Register>,
    register: RegisterState,
    verdicts: &mut Vec<Verdict>,
) -> anyhow::Result<Vec<u8>> {
    let from = element.key().to_vec();
    let is = |data| Expr::Cmp {
        sreg,
        op: CmpOp::Eq,
        data,
    };
    let masked = |mask: Vec<u8>| Expr::Bitwise {
        sreg,
        dreg: sreg,
        len: u32::try_from(mask.len()).unwrap_or(u32::MAX),
        xor: vec![0; mask.len()],
        mask,
    };
    let mut parts = match element.key_end().filter(|to| *to != from) {
        None if register.state => vec![
            masked(from.clone()),
            Expr::Cmp {
                sreg,
                op: CmpOp::Neq,
                data: vec![0; from.len()],
            },
        ],
        None => vec![is(from)],
        Some(_) if register.byte_swapped => {
            anyhow::bail!("it has a set with ranges in the host's byte order")
        }
        Some(to) => match prefix_mask(&from, to) {
            Some(mask) => vec![masked(mask), is(from)],
            None => vec![Expr::Range {
                sreg,
                op: RangeOp::Eq,
                from,
                to: to.to_vec(),
            }],
        },
    };
    match (dreg, element.data()) {
        (None, None) => {}
        (Some(Register::Verdict), Some(SetElementData::Verdict(verdict))) => {
            verdicts.push(verdict.clone());
            parts.push(Expr::Verdict(verdict.clone()));
        }
        _ => anyhow::bail!("it looks a value up in braces"),
    }
    let mut builder = MessageBuilder::new(0, 0);
    write_expressions(&mut builder, &parts);
    let whole = builder.as_bytes().get(NLMSG_HDRLEN..).unwrap_or_default();
    let list = AttrIter::new(whole).find(|(kind, _)| kind & TYPE_MASK == NFTA_RULE_EXPRESSIONS);
    Ok(list.map(|(_, list)| list.to_vec()).unwrap_or_default())
}

/// The mask of a range of addresses, if the range is a network.
fn prefix_mask(from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0u128, |sum, byte| sum << 8 | u128::from(*byte))
    };
    // Only addresses are written as networks, not ports.
    if !matches!(from.len(), 4 | 16) || to.len() != from.len() {
        return None;
    }
    let differ = number(from) ^ number(to);
    let is_network = differ & differ.wrapping_add(1) == 0 && number(from) & differ == 0;
    let mask = (!differ).to_be_bytes();
    is_network.then(|| mask[mask.len() - from.len()..].to_vec())
}

/// The name of an iptables extension.
fn extension_name(data: &[u8]) -> String {
    let name = AttrIter::new(data).find(|(kind, _)| kind & TYPE_MASK == EXTENSION_NAME);
    let name = name.map(|(_, name)| String::from_utf8_lossy(name).into_owned());
    let name = name.unwrap_or_default();
    name.trim_end_matches('\0').to_owned()
}

fn print_rule(
    rule: &RuleInfo,
    expressions: Vec<u8>,
    interfaces: &BTreeMap<u32, String>,
) -> anyhow::Result<String> {
    if expressions.is_empty() {
        return Ok(String::new());
    }
    let mut rule = rule.clone();
    rule.expression_bytes = expressions;
    rule.comment_text = None;
    let text = rule.nft_syntax_stateless();
    let text = text.ok_or_else(|| anyhow::anyhow!("it holds something unknown"))?;
    Ok(replace_interface_indexes(&text, interfaces))
}

/// Replaces interface numbers by names, because the numbers differ from boot to boot.
fn replace_interface_indexes(text: &str, interfaces: &BTreeMap<u32, String>) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    for at in 1..words.len() {
        let after = matches!(words[at - 1].as_str(), "iif" | "oif");
        let number = words[at].parse().ok().filter(|_| after);
        if let Some(name) = number.and_then(|number| interfaces.get(&number)) {
            words[at] = format!("\"{name}\"");
        }
    }
    words.join(" ")
}

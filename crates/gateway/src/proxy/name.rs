//! The names of web applications: `p<port>-<node>-<lab>.<base>`.

use std::fmt;
use std::num::NonZeroU16;

use thiserror::Error;
use uuid::Uuid;

/// Longest label of a name (RFC 1035, 2.3.4).
const LABEL: usize = 63;

/// Longest name, without the dot at its end.
const NAME: usize = 253;

/// Where browsers look for a name by themselves, on their own machine; nobody can set a cookie for it.
const LOOPBACK: &str = "localhost";

/// The base domain of the applications' host names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseDomain(String);

/// Why a name is not a valid base domain.
#[derive(Debug, Error)]
pub enum BaseError {
    /// It is not a valid name, or has a single label.
    #[error("`{base}` is not a valid name for web applications")]
    NoName {
        /// What was said.
        base: String,
    },
    /// Somebody could read what is typed.
    #[error("web applications below `{base}` want TLS")]
    NoTls {
        /// The base.
        base: String,
    },
    /// A page of an application could set a cookie for the daemon's pages, or the other way round.
    #[error("web applications cannot be below `{base}`, since the daemon itself is `{name}`")]
    Related {
        /// The base.
        base: String,
        /// The daemon's name.
        name: String,
    },
    /// No browser would trust an application's name.
    #[error("the certificate is not for `*.{base}`")]
    NotCertified {
        /// The base.
        base: String,
    },
}

impl BaseError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoName { .. } => {
                "two labels or more of a-z, 0-9 and -, such as labs.salle.fr or labs.localhost"
            }
            Self::NoTls { .. } => {
                "give plateaud --tls-room auto, or --tls-cert and --tls-key; without TLS, on the \
                 machine itself, there is labs.localhost"
            }
            Self::Related { .. } => {
                "neither may be below the other: beside exam.salle.fr, labs.salle.fr is good"
            }
            Self::NotCertified { .. } => {
                "have it made for that name too, or let plateaud make certificates with --tls-room"
            }
        }
    }
}

impl BaseDomain {
    /// Parses a base domain.
    ///
    /// # Errors
    /// [`BaseError::NoName`].
    pub fn of(text: &str) -> Result<Self, BaseError> {
        let base = text.to_ascii_lowercase();
        let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let is_label = |label: &str| {
            let bytes = label.as_bytes();
            bytes.len() <= LABEL
                && is_edge(bytes.first())
                && is_edge(bytes.last())
                && bytes
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        };
        let labels: Vec<&str> = base.split('.').collect();
        // A browser would read four numbers as an address.
        let is_number = |label: &&str| label.bytes().all(|byte| byte.is_ascii_digit());
        let fits = labels.len() > 1
            && base.len() + 1 + LABEL <= NAME
            && labels.iter().all(|label| is_label(label))
            && !labels.last().is_some_and(is_number);
        match fits {
            true => Ok(Self(base)),
            false => Err(BaseError::NoName {
                base: text.to_owned(),
            }),
        }
    }

    /// The same with a star before it, as certificates name all that are right below it.
    #[must_use]
    pub fn star(&self) -> String {
        format!("*.{self}")
    }

    /// Checks a base domain against the names of the daemon's own certificate; `None` without TLS.
    ///
    /// # Errors
    /// [`BaseError::NoTls`], [`BaseError::Related`], [`BaseError::NotCertified`].
    pub fn check(&self, names: Option<&[String]>) -> Result<(), BaseError> {
        let base = self.0.clone();
        let Some(names) = names else {
            return match is_below(&self.0, LOOPBACK) {
                true => Ok(()),
                false => Err(BaseError::NoTls { base }),
            };
        };
        let star = self.star();
        if !names.contains(&star) {
            return Err(BaseError::NotCertified { base });
        }
        // A star for other names than these answers to some of them; those are refused one by one.
        let related = names.iter().filter(|name| **name != star).find(|name| {
            let (name, is_star) = match name.strip_prefix("*.") {
                Some(rest) => (rest, true),
                None => (name.as_str(), false),
            };
            self.has_below(name) || (!is_star && (name == self.0 || self.is_below(name)))
        });
        match related {
            None => Ok(()),
            Some(name) => Err(BaseError::Related {
                base,
                name: name.clone(),
            }),
        }
    }

    /// Whether a name is below this one.
    #[must_use]
    pub fn has_below(&self, name: &str) -> bool {
        is_below(name, &self.0)
    }

    /// Whether this one is below a name for which cookies can be set.
    #[must_use]
    pub fn is_below(&self, name: &str) -> bool {
        name != LOOPBACK && is_below(&self.0, name)
    }

    /// Whether it is a name itself.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.0 == name
    }

    /// The label of a name right below this one.
    #[must_use]
    pub fn label<'a>(&self, name: &'a str) -> Option<&'a str> {
        let label = name.strip_suffix(&self.0)?.strip_suffix('.')?;
        (!label.contains('.')).then_some(label)
    }
}

fn is_below(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent)
        .is_some_and(|rest| rest.ends_with('.'))
}

impl fmt::Display for BaseDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The target of an application: a port of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppTarget {
    /// The lab's identifier.
    pub lab: String,
    /// The node.
    pub node: String,
    /// The TCP port.
    pub port: NonZeroU16,
}

impl AppTarget {
    /// Its label; `None` where it would be too long for one.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        let lab = Uuid::try_parse(&self.lab).ok()?;
        let label = format!("p{}-{}-{}", self.port, self.node, lab.simple());
        (label.len() <= LABEL).then_some(label)
    }

    /// What a label stands for; `None` where it is none of an application's.
    #[must_use]
    pub fn of(label: &str) -> Option<Self> {
        let (port, rest) = label.strip_prefix('p')?.split_once('-')?;
        let (node, lab) = rest.rsplit_once('-')?;
        let target = Self {
            lab: Uuid::try_parse(lab).ok()?.to_string(),
            node: node.to_owned(),
            port: port.parse().ok()?,
        };
        // One name for each, so that no two origins are the same application.
        let is_its = !node.is_empty() && target.label().as_deref() == Some(label);
        is_its.then_some(target)
    }
}

impl fmt::Display for AppTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} of `{}`", self.port, self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAB: &str = "019ab3c4-1111-7222-8333-0123456789ab";

    fn target(node: &str, port: u16) -> AppTarget {
        AppTarget {
            lab: LAB.to_owned(),
            node: node.to_owned(),
            port: port.try_into().unwrap(),
        }
    }

    #[test]
    fn a_label_stands_for_what_it_was_made_of() {
        let label = target("web-1", 8080).label().unwrap();
        assert_eq!(label, "p8080-web-1-019ab3c41111722283330123456789ab");
        assert_eq!(AppTarget::of(&label), Some(target("web-1", 8080)));
        for node in ["a", "80-b", "p80-x", &"n".repeat(23)] {
            let label = target(node, 65535).label().unwrap();
            assert_eq!(AppTarget::of(&label), Some(target(node, 65535)));
        }
        assert_eq!(target(&"n".repeat(24), 65535).label(), None);
        assert!(
            target(&"n".repeat(27), 80)
                .label()
                .is_none_or(|label| label.len() <= 63)
        );
    }

    #[test]
    fn an_application_has_one_name_and_no_other() {
        let lab = "019ab3c41111722283330123456789ab";
        for wrong in [
            "",
            "p80",
            &format!("p80-{lab}"),
            &format!("p80--{lab}"),
            &format!("p080-web-{lab}"),
            &format!("p+80-web-{lab}"),
            &format!("p0-web-{lab}"),
            &format!("p65536-web-{lab}"),
            &format!("P80-web-{lab}"),
            &format!("p80-web-{}", lab.to_uppercase()),
            &format!("p80-web-{LAB}"),
            &format!("p80-web-{}", &lab[1..]),
        ] {
            assert_eq!(AppTarget::of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_name_is_no_base() {
        for good in ["labs.salle.fr", "Labs.Salle.FR", "labs.localhost", "a.b2"] {
            assert_eq!(
                BaseDomain::of(good).unwrap().to_string(),
                good.to_lowercase()
            );
        }
        let long = format!("{}.fr", ["a"; 120].join("."));
        for wrong in [
            "",
            "labs",
            "localhost",
            ".fr",
            "a..fr",
            "labs.fr.",
            "-a.fr",
            "a-.fr",
            "a_b.fr",
            "é.fr",
            "192.0.2.1",
            "*.labs.fr",
            "a.fr:80",
            &long,
        ] {
            assert!(
                matches!(BaseDomain::of(wrong), Err(BaseError::NoName { .. })),
                "{wrong}"
            );
        }
    }

    #[test]
    fn neither_the_base_nor_the_daemon_is_below_the_other() {
        let base = BaseDomain::of("labs.salle.fr").unwrap();
        let checked =
            |name: &str| base.check(Some(&["*.labs.salle.fr".to_owned(), name.to_owned()]));
        for good in [
            "exam.salle.fr",
            "localhost",
            "192.0.2.1",
            "*.salle.fr",
            "xlabs.salle.fr",
            "::1",
        ] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for wrong in [
            "labs.salle.fr",
            "salle.fr",
            "fr",
            "exam.labs.salle.fr",
            "*.exam.labs.salle.fr",
        ] {
            assert!(
                matches!(checked(wrong), Err(BaseError::Related { .. })),
                "{wrong}"
            );
        }
    }

    #[test]
    fn without_tls_there_is_the_machine_itself_alone() {
        let [salle, local] =
            ["labs.salle.fr", "labs.localhost"].map(|base| BaseDomain::of(base).unwrap());
        assert!(matches!(salle.check(None), Err(BaseError::NoTls { .. })));
        assert!(local.check(None).is_ok());
        let names = ["exam.salle.fr".to_owned()];
        assert!(matches!(
            salle.check(Some(&names)),
            Err(BaseError::NotCertified { .. })
        ));
        // The daemon answers to `localhost` always, for which no browser takes a cookie.
        let names = ["localhost".to_owned(), "*.labs.localhost".to_owned()];
        assert!(local.check(Some(&names)).is_ok());
    }

    #[test]
    fn a_label_is_right_below_the_base() {
        let base = BaseDomain::of("labs.salle.fr").unwrap();
        assert_eq!(base.label("x.labs.salle.fr"), Some("x"));
        for wrong in [
            "labs.salle.fr",
            "a.b.labs.salle.fr",
            "xlabs.salle.fr",
            "x.salle.fr",
        ] {
            assert_eq!(base.label(wrong), None, "{wrong}");
        }
        assert!(base.has_below("a.b.labs.salle.fr") && !base.has_below("xlabs.salle.fr"));
    }
}

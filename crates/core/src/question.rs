//! The vocabulary: what can be asked of a node or across a network.
//!
//! Each kind of question stands in one file here and is looked up by one file of the agent. A kind
//! has three shapes, made by the [`question!`] macro from one description:
//!
//! * `…Check`, what a trainer writes under `that:`, with a matcher for every attribute;
//! * `…Question`, what travels into the lab: only what is needed to look, never an expected value;
//! * `…Seen`, what was there. An attribute that does not exist there (the owner of a missing file)
//!   is `None`, and no matcher accepts it.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::matcher::Finding;

pub mod doubt;
mod fact;
mod lasting;
pub mod security;

pub use fact::Fact;

/// Describes one kind of question and makes its three shapes.
///
/// `asks` are the fields that say where to look; `sees` are the attributes with their types;
/// `or` names the attribute, and its value, that is expected where a check has no matcher at all;
/// `example` is a check as a trainer writes it under `that:`, for the reference.
macro_rules! question {
    (
        $(#[$doc:meta])*
        $check:ident, $question:ident, $seen:ident;
        asks { $( $(#[$ask_meta:meta])* $ask:ident : $ask_type:ty ),* $(,)? }
        sees { $( $(#[$see_meta:meta])* $see:ident $(as $see_name:literal)? : $see_type:ty ),* $(,)? }
        or $primary:ident = $primary_value:expr;
        example $example:literal;
    ) => {
        $(#[$doc])*
        #[doc = concat!(
            "\n\nWithout an attribute: `", stringify!($primary), ": ", stringify!($primary_value), "`."
        )]
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $check {
            $( $(#[$ask_meta])* pub $ask: $ask_type, )*
            $(
                $(#[$see_meta])*
                #[serde(default, skip_serializing_if = "Option::is_none" $(, rename = $see_name)?)]
                pub $see: Option<$crate::matcher::Matcher<$see_type>>,
            )*
        }

        #[doc = concat!("Where to look for a [`", stringify!($check), "`].")]
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $question {
            $( $(#[$ask_meta])* pub $ask: $ask_type, )*
        }

        #[doc = concat!("What was seen for a [`", stringify!($question), "`].")]
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $seen {
            $(
                $(#[$see_meta])*
                #[serde(default, skip_serializing_if = "Option::is_none" $(, rename = $see_name)?)]
                pub $see: Option<$see_type>,
            )*
        }

        impl $check {
            /// A check of this kind, as a trainer writes it under `that:`.
            pub const EXAMPLE: &'static str = $example;

            /// The question without its expected values.
            #[must_use]
            pub fn question(&self) -> $question {
                $question { $( $ask: self.$ask.clone(), )* }
            }

            /// Attributes that have a matcher, by their names in the scenario.
            #[must_use]
            pub fn wants(&self) -> std::collections::BTreeSet<String> {
                let mut wants = std::collections::BTreeSet::new();
                $( if self.$see.is_some() { wants.insert(name_of!($see $($see_name)?)); } )*
                if wants.is_empty() { wants.insert(stringify!($primary).to_owned()); }
                wants
            }

            /// Compares with what was seen: one finding an attribute, in the order of the vocabulary.
            #[must_use]
            pub fn judge(&self, seen: &$seen) -> Vec<$crate::matcher::Finding> {
                let mut findings = Vec::new();
                $( if let Some(matcher) = &self.$see {
                    let name = name_of!($see $($see_name)?);
                    findings.push(matcher.find(&name, seen.$see.as_ref()));
                } )*
                if findings.is_empty() {
                    let expected = $crate::matcher::Matcher::Is($primary_value.into());
                    findings.push(expected.find(stringify!($primary), seen.$primary.as_ref()));
                }
                findings
            }
        }
    };
}

/// The name of an attribute in the scenario: its own, or the one after `as`.
macro_rules! name_of {
    ($field:ident) => {
        stringify!($field).to_owned()
    };
    ($field:ident $name:literal) => {
        $name.to_owned()
    };
}

/// Declares the modules and the closed enums over all kinds.
macro_rules! vocabulary {
    ( $( $module:ident: $variant:ident($check:ident, $question:ident, $seen:ident) $tag:literal $vantage:ident ),* $(,)? ) => {
        $( pub mod $module; )*

        /// What a check asks and expects: the value of `that:`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Expectation {
            $(
                #[doc = concat!("See [`", stringify!($module), "`].")]
                $variant($module::$check),
            )*
        }

        /// What travels into the lab.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Question {
            $(
                #[doc = concat!("See [`", stringify!($module), "`].")]
                $variant($module::$question),
            )*
        }

        /// What comes back from the lab.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Observation {
            $(
                #[doc = concat!("See [`", stringify!($module), "`].")]
                $variant($module::$seen),
            )*
        }

        impl Expectation {
            /// Every kind's name in the scenario language, in the order of the vocabulary.
            pub const KINDS: &'static [&'static str] = &[$( $tag ),*];

            /// From where every kind is asked, in the order of the vocabulary.
            pub const VANTAGES: &'static [Vantage] = &[$( Vantage::$vantage ),*];

            /// One check of every kind as a trainer writes it under `that:`, in the order of the vocabulary.
            pub const EXAMPLES: &'static [&'static str] = &[$( $module::$check::EXAMPLE ),*];

            /// The kind's name in the scenario language.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$variant(_) => $tag, )* }
            }

            /// Where it has to be asked from.
            #[must_use]
            pub fn vantage(&self) -> Vantage {
                match self { $( Self::$variant(_) => Vantage::$vantage, )* }
            }

            /// The question without its expected values.
            #[must_use]
            pub fn question(&self) -> Question {
                match self { $( Self::$variant(check) => Question::$variant(check.question()), )* }
            }

            /// Attributes that the agent has to look at.
            #[must_use]
            pub fn wants(&self) -> BTreeSet<String> {
                match self { $( Self::$variant(check) => check.wants(), )* }
            }

            /// Compares with what was seen. `None`: the observation is of another kind.
            #[must_use]
            pub fn judge(&self, seen: &Observation) -> Option<Vec<Finding>> {
                match (self, seen) {
                    $( (Self::$variant(check), Observation::$variant(seen)) => Some(check.judge(seen)), )*
                    _ => None,
                }
            }
        }

        impl Question {
            /// The kind's name in the scenario language.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$variant(_) => $tag, )* }
            }

            /// Where it has to be asked from.
            #[must_use]
            pub fn vantage(&self) -> Vantage {
                match self { $( Self::$variant(_) => Vantage::$vantage, )* }
            }
        }
    };
}

impl Question {
    /// As the scenario has it, without what is drawn for each grading.
    #[must_use]
    pub fn without_markers(&self) -> std::borrow::Cow<'_, Self> {
        use std::borrow::Cow;
        if let Self::Syslog(question) = self {
            return Cow::Owned(Self::Syslog(question.unmarked()));
        }
        Cow::Borrowed(self)
    }

    /// Whether it speaks a network protocol.
    #[must_use]
    pub fn takes_client(&self) -> bool {
        // A message is looked for inside a node, after it was sent from there or elsewhere.
        self.vantage() == Vantage::Across || matches!(self, Self::Syslog(_))
    }

    /// Whether it runs programs of the node, so that it is asked inside it. All else is observed from
    /// outside, where the node's users cannot answer for it.
    #[must_use]
    pub fn runs_programs(&self) -> bool {
        if let Self::Availability(watched) = self {
            return watched.of.runs_programs();
        }
        matches!(self, Self::Command(_))
    }
}

/// From where a kind of question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vantage {
    /// Inside the node that it is about: `on`.
    Inside,
    /// Across the network, from another node or an examiner: `from`.
    Across,
}

vocabulary! {
    file: File(FileCheck, FileQuestion, FileSeen) "file" Inside,
    package: Package(PackageCheck, PackageQuestion, PackageSeen) "package" Inside,
    service: Service(ServiceCheck, ServiceQuestion, ServiceSeen) "service" Inside,
    process: Process(ProcessCheck, ProcessQuestion, ProcessSeen) "process" Inside,
    port: Port(PortCheck, PortQuestion, PortSeen) "port" Inside,
    user: User(UserCheck, UserQuestion, UserSeen) "user" Inside,
    group: Group(GroupCheck, GroupQuestion, GroupSeen) "group" Inside,
    mount: Mount(MountCheck, MountQuestion, MountSeen) "mount" Inside,
    interface: Interface(InterfaceCheck, InterfaceQuestion, InterfaceSeen) "interface" Inside,
    address: Address(AddressCheck, AddressQuestion, AddressSeen) "address" Inside,
    route: Route(RouteCheck, RouteQuestion, RouteSeen) "route" Inside,
    resolver: Resolver(ResolverCheck, ResolverQuestion, ResolverSeen) "resolver" Inside,
    sysctl: Sysctl(SysctlCheck, SysctlQuestion, SysctlSeen) "sysctl" Inside,
    schedule: Schedule(ScheduleCheck, ScheduleQuestion, ScheduleSeen) "schedule" Inside,
    command: Command(CommandCheck, CommandQuestion, CommandSeen) "command" Inside,
    firewall: Firewall(FirewallCheck, FirewallQuestion, FirewallSeen) "firewall" Inside,
    certificate: Certificate(CertificateCheck, CertificateQuestion, CertificateSeen) "certificate" Inside,
    journal: Journal(JournalCheck, JournalQuestion, JournalSeen) "journal" Inside,
    ping: Ping(PingCheck, PingQuestion, PingSeen) "ping" Across,
    tcp: Tcp(TcpCheck, TcpQuestion, TcpSeen) "tcp" Across,
    dns: Dns(DnsCheck, DnsQuestion, DnsSeen) "dns" Across,
    http: Http(HttpCheck, HttpQuestion, HttpSeen) "http" Across,
    tls: Tls(TlsCheck, TlsQuestion, TlsSeen) "tls" Across,
    ssh: Ssh(SshCheck, SshQuestion, SshSeen) "ssh" Across,
    mail: Mail(MailCheck, MailQuestion, MailSeen) "mail" Across,
    ldap: Ldap(LdapCheck, LdapQuestion, LdapSeen) "ldap" Across,
    sql: Sql(SqlCheck, SqlQuestion, SqlSeen) "sql" Across,
    smb: Smb(SmbCheck, SmbQuestion, SmbSeen) "smb" Across,
    nfs: Nfs(NfsCheck, NfsQuestion, NfsSeen) "nfs" Across,
    ftp: Ftp(FtpCheck, FtpQuestion, FtpSeen) "ftp" Across,
    tftp: Tftp(TftpCheck, TftpQuestion, TftpSeen) "tftp" Across,
    ntp: Ntp(NtpCheck, NtpQuestion, NtpSeen) "ntp" Across,
    snmp: Snmp(SnmpCheck, SnmpQuestion, SnmpSeen) "snmp" Across,
    dhcp: Dhcp(DhcpCheck, DhcpQuestion, DhcpSeen) "dhcp" Across,
    sip: Sip(SipCheck, SipQuestion, SipSeen) "sip" Across,
    syslog: Syslog(SyslogCheck, SyslogQuestion, SyslogSeen) "syslog" Inside,
    availability: Availability(AvailabilityCheck, AvailabilityQuestion, AvailabilitySeen) "availability" Across,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_an_example_that_a_trainer_could_write() {
        assert_eq!(Expectation::KINDS.len(), Expectation::EXAMPLES.len());
        for (kind, example) in Expectation::KINDS.iter().zip(Expectation::EXAMPLES) {
            let read: Expectation = serde_saphyr::from_str(example)
                .unwrap_or_else(|error| panic!("{example}: {error}"));
            assert_eq!(read.kind(), *kind);
            assert!(!read.wants().is_empty(), "{example}");
        }
    }
}

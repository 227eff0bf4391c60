//! An SNMP agent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A user of SNMPv3 and its keys: without `auth_password` neither authentication nor privacy,
/// without `privacy_password` no privacy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnmpUser {
    /// Name.
    pub name: String,
    /// `md5`, `sha` (the default), `sha224`, `sha256`, `sha384` or `sha512`.
    #[serde(default)]
    pub auth: SnmpAuth,
    /// Password of authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_password: Option<String>,
    /// `des`, `aes` (the default), `aes192` or `aes256`.
    #[serde(default)]
    pub privacy: SnmpPrivacy,
    /// Password of privacy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy_password: Option<String>,
}

/// How a message of SNMPv3 is authenticated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SnmpAuth {
    /// HMAC-MD5-96 (RFC 3414).
    Md5,
    /// HMAC-SHA-96 (RFC 3414).
    #[default]
    Sha,
    /// HMAC-SHA-224 (RFC 7860).
    Sha224,
    /// HMAC-SHA-256 (RFC 7860).
    Sha256,
    /// HMAC-SHA-384 (RFC 7860).
    Sha384,
    /// HMAC-SHA-512 (RFC 7860).
    Sha512,
}

/// How a message of SNMPv3 is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SnmpPrivacy {
    /// CBC-DES (RFC 3414).
    Des,
    /// CFB-AES-128 (RFC 3826).
    #[default]
    Aes,
    /// CFB-AES-192, with keys extended as Blumenthal's draft has it.
    Aes192,
    /// CFB-AES-256, with keys extended as Blumenthal's draft has it.
    Aes256,
}

question! {
    /// What an SNMP agent says about an object: by SNMPv2c with a community, or SNMPv3 with a user.
    SnmpCheck, SnmpQuestion, SnmpSeen;
    asks {
        /// Address or name.
        host: String,
        /// Port number; 161 where absent.
        #[serde(default = "snmp_port")]
        port: u16,
        /// Community of SNMPv2c; `public` where neither it nor a user is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        community: Option<String>,
        /// User of SNMPv3, in the place of a community.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<SnmpUser>,
        /// Object identifier in numbers, such as `1.3.6.1.2.1.1.5.0`.
        oid: String,
        /// Take everything below the identifier, at most 200 objects, instead of the one object.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        walk: bool,
    }
    sees {
        /// Whether the agent answers within 5 seconds. One that does not know the community keeps silent.
        answered: bool,
        /// Whether it lets us in: answers to anything but the identity we came with.
        authorized: bool,
        /// Whether there is such an object; with `walk`, at least one.
        exists: bool,
        /// Its value: numbers in digits, texts as they are, other bytes in hexadecimal. With `walk`, the first one's.
        value: String,
        /// Its type: `integer`, `string`, `oid`, `address`, `counter`, `gauge`, `ticks`, `bytes`, `null`. With `walk`, the first one's.
        kind as "type": String,
        /// Values in the agent's order; one without `walk`.
        values: Vec<String>,
    }
    or exists = true;
    example r#"snmp: { host: sw1, community: "{{ community }}", oid: 1.3.6.1.2.1.1.5.0, value: sw1 }"#;
}

fn snmp_port() -> u16 {
    161
}

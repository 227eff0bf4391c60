//! The daemon's own certificate authority: its certificate is installed on clients once, and the daemon
//! issues certificates for its own names as they change.
//!
//! ```text
//! authority.pem, authority.key   made once; whoever has the key can impersonate any site to those clients
//! server.pem, server.key         made again before it ends, and when there is a new name or address
//! ```

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use super::{CertificateAndKey, TlsError, chain, names, parsed, write};

/// Years that the authority lasts.
const AUTHORITY_YEARS: i64 = 15;

/// Days that a server's certificate lasts; browsers refuse more than 825.
const SERVER_DAYS: i64 = 397;

/// Days before its end at which it is made again.
const EARLY_DAYS: i64 = 30;

/// The certificate authority.
#[derive(Clone, Debug)]
pub struct RoomAuthority {
    folder: PathBuf,
}

impl RoomAuthority {
    /// Opens the authority in a folder, and creates it if it does not exist.
    ///
    /// # Errors
    /// Folder or files cannot be used.
    pub fn open(folder: &Path) -> Result<Self, TlsError> {
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder);
        made.map_err(failed(folder))?;
        let room = Self {
            folder: folder.to_owned(),
        };
        if !room.file("authority.pem").exists() {
            room.make(Timestamp::now())?;
        }
        Ok(room)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn make(&self, now: Timestamp) -> Result<(), TlsError> {
        let mut params = CertificateParams::default();
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy();
        let name = format!("Plateau on {host}, {}", day(now));
        params.distinguished_name.push(DnType::CommonName, name);
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Plateau");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        last(&mut params, now, Span::new().years(AUTHORITY_YEARS));
        let key = KeyPair::generate().map_err(TlsError::Make)?;
        let certificate = params.self_signed(&key).map_err(TlsError::Make)?;
        write(&self.file("authority.key"), &key.serialize_pem())?;
        // Last: where it is, the key is.
        write(&self.file("authority.pem"), &certificate.pem())
    }

    /// The authority's certificate, as PEM.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn authority(&self) -> Result<String, TlsError> {
        self.text("authority.pem")
    }

    fn text(&self, name: &str) -> Result<String, TlsError> {
        let path = self.file(name);
        std::fs::read_to_string(&path).map_err(failed(&path))
    }

    /// A certificate for all of these names and addresses, which is made where the one that is there
    /// lacks one of them or is about to end.
    pub(super) fn certificate(
        &self,
        wanted: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<CertificateAndKey, TlsError> {
        let pair = CertificateAndKey {
            certificate: self.file("server.pem"),
            key: self.file("server.key"),
        };
        // One that cannot be understood is as good as none.
        if !self.fits(&pair, wanted, now).unwrap_or(false) {
            self.issue(&pair, wanted, now)?;
            tracing::info!(names = ?wanted, "the port has a new certificate");
        }
        Ok(pair)
    }

    fn fits(
        &self,
        pair: &CertificateAndKey,
        wanted: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<bool, TlsError> {
        let path = &pair.certificate;
        if !path.exists() || !pair.key.exists() {
            return Ok(false);
        }
        let chain = chain(path)?;
        let Some(first) = chain.first() else {
            return Ok(false);
        };
        let certificate = parsed(path, first)?;
        let early = EARLY_DAYS * 24 * 3600;
        let lasts = certificate.validity().not_after.timestamp() - early > now.as_second();
        Ok(lasts && wanted.is_subset(&names(path, first)?))
    }

    fn issue(
        &self,
        pair: &CertificateAndKey,
        wanted: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<(), TlsError> {
        let authority_key =
            KeyPair::from_pem(&self.text("authority.key")?).map_err(TlsError::Make)?;
        let authority = self.authority()?;
        let issuer = Issuer::from_ca_cert_pem(&authority, authority_key).map_err(TlsError::Make)?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Plateau");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        for name in wanted {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => {
                    let name = Ia5String::try_from(name.as_str()).map_err(TlsError::Make)?;
                    SanType::DnsName(name)
                }
            });
        }
        last(&mut params, now, Span::new().days(SERVER_DAYS));
        let key = KeyPair::generate().map_err(TlsError::Make)?;
        let certificate = params.signed_by(&key, &issuer).map_err(TlsError::Make)?;
        // First: a key without its certificate is made again, and the other way round would be served.
        match std::fs::remove_file(&pair.certificate) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(&pair.certificate)(error));
            }
            Ok(()) | Err(_) => {}
        }
        write(&pair.key, &key.serialize_pem())?;
        write(&pair.certificate, &(certificate.pem() + &authority))
    }
}

/// From the day before, since the clocks of a room differ, for so long.
fn last(params: &mut CertificateParams, now: Timestamp, span: Span) {
    let from = day(now).saturating_sub(Span::new().days(1));
    let to = day(now).saturating_add(span);
    let moment = |day: Date| {
        let part = |number: i8| u8::try_from(number).unwrap_or(1);
        date_time_ymd(i32::from(day.year()), part(day.month()), part(day.day()))
    };
    params.not_before = moment(from);
    params.not_after = moment(to);
}

fn day(now: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(now).date()
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> TlsError {
    let path = path.to_owned();
    move |source| TlsError::File { path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn wanted(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_authority_is_made_once_and_only_its_owner_can_read_the_keys() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("tls");
        let first = RoomAuthority::open(&place).unwrap();
        let pem = first.authority().unwrap();
        let now = Timestamp::now();
        first.certificate(&wanted(&["localhost"]), now).unwrap();
        assert_eq!(
            RoomAuthority::open(&place).unwrap().authority().unwrap(),
            pem
        );
        for key in ["authority.key", "server.key"] {
            let mode = std::fs::metadata(place.join(key)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600, "{key}");
        }
    }

    #[test]
    fn a_certificate_is_made_again_for_a_new_name_and_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let room = RoomAuthority::open(folder.path()).unwrap();
        let now = Timestamp::now();
        let issued = |names: &[&str], days: i64| {
            let hours = Span::new().hours(24 * days);
            let pair = room.certificate(&wanted(names), now + hours).unwrap();
            std::fs::read_to_string(pair.certificate).unwrap()
        };
        let first = issued(&["localhost", "192.0.2.1"], 0);
        assert_eq!(issued(&["localhost", "192.0.2.1"], 300), first);
        assert_eq!(issued(&["localhost"], 0), first);
        let second = issued(&["localhost", "192.0.2.1", "salle"], 0);
        assert_ne!(second, first);
        let third = issued(&["localhost"], SERVER_DAYS - EARLY_DAYS + 1);
        assert_ne!(third, second);
        std::fs::write(folder.path().join("server.pem"), "rubbish").unwrap();
        assert!(issued(&["localhost"], 0).contains("BEGIN CERTIFICATE"));
    }
}

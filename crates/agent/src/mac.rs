//! Hardware addresses.

/// Parses six pairs of hexadecimal digits with colons between them.
pub(crate) fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut pairs = text.split(':');
    for byte in &mut mac {
        let pair = pairs.next().filter(|pair| pair.len() == 2)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::parse_mac;

    #[test]
    fn a_hardware_address_has_six_bytes_of_two_digits() {
        assert_eq!(parse_mac("02:1f:00:00:00:0A"), Some([2, 0x1f, 0, 0, 0, 10]));
        for wrong in [
            "",
            "02:1f:00:00:00",
            "02:1f:00:00:00:0a:0b",
            "2:1f:00:00:00:01",
            "02-1f-00-00-00-01",
        ] {
            assert_eq!(parse_mac(wrong), None, "{wrong}");
        }
    }
}

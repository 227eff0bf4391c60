//! Access codes: what candidates type to get to their seats.

/// Letters and digits that are not confused with one another in handwriting or print.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Characters of a code, without its hyphens: 60 bits.
const LENGTH: usize = 12;

/// Characters between two hyphens.
const GROUP: usize = 4;

/// A code from the first 12 of these random bytes, such as `K7QF-2M9X-P4TB`.
#[must_use]
pub fn write(random: &[u8; 32]) -> String {
    let mut code = String::with_capacity(LENGTH + LENGTH / GROUP);
    for (place, byte) in random.iter().take(LENGTH).enumerate() {
        if place > 0 && place.is_multiple_of(GROUP) {
            code.push('-');
        }
        code.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    code
}

/// A code as it was meant, in capitals and with its hyphens, from what somebody typed: small
/// letters, spaces, hyphens elsewhere or none, and `O` or `0`, `I` or `1` for what they look like.
/// `None` where it cannot be a code.
#[must_use]
pub fn read(typed: &str) -> Option<String> {
    let mut plain = Vec::with_capacity(LENGTH);
    for letter in typed.chars() {
        let letter = match letter.to_ascii_uppercase() {
            ' ' | '-' | '\u{2011}' | '\u{2013}' | '\u{a0}' => continue,
            // `Q` is the only one of the alphabet that either can be taken for.
            'O' | '0' => 'Q',
            'I' | '1' => 'L',
            other => other,
        };
        let byte = u8::try_from(letter).ok()?;
        if !ALPHABET.contains(&byte) || plain.len() == LENGTH {
            return None;
        }
        plain.push(byte);
    }
    if plain.len() != LENGTH {
        return None;
    }
    let groups = plain.chunks(GROUP).map(String::from_utf8_lossy);
    Some(groups.collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_read_however_it_was_typed() {
        let code = "K7QF-2M9X-P4TB";
        for typed in [
            "K7QF-2M9X-P4TB",
            "k7qf2m9xp4tb",
            " k7qf 2m9x p4tb ",
            "K7OF-2M9X-P4TB",
            "K7-QF2M-9XP4TB",
        ] {
            assert_eq!(read(typed).as_deref(), Some(code), "{typed}");
        }
        for typed in ["", "K7QF", "K7QF-2M9X-P4TBX", "K7QF-2M9X-P4T!", "é"] {
            assert_eq!(read(typed), None, "{typed}");
        }
    }

    proptest! {
        #[test]
        fn every_code_is_read_as_it_was_written(random: [u8; 32]) {
            let code = write(&random);
            prop_assert_eq!(read(&code), Some(code));
        }
    }
}

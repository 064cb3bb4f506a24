//! One record of RFC 4180 at a time: fields, quotes, line ends.
//!
//! Invariant: no text makes it panic, and a record is given only when it is whole.
//! Deliberately absent: what the fields mean, and speed (see [`crate::capture::csv`], which asks here only for what
//! its fast path does not understand).

/// The fields of one record, its length in bytes and in lines.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// The fields, quotes taken off.
    pub fields: Vec<Vec<u8>>,
    /// Bytes of the record with its line end.
    pub bytes: usize,
    /// Lines that it spans; more than one where a quoted field holds a line end.
    pub lines: u64,
}

/// Why there is no record.
#[derive(Debug, PartialEq, Eq)]
pub enum NoRecord {
    /// More text is needed.
    Incomplete,
    /// No text to come can make this a record.
    Malformed {
        /// The field, from 1.
        column: usize,
        /// What is wrong and what to do.
        message: &'static str,
    },
}

/// Takes one record from the start of `text`; CR before LF is part of the line end.
///
/// # Errors
///
/// [`NoRecord`] where `text` ends within the record, or breaks the rules of quoting.
pub fn split_record(text: &[u8]) -> Result<Record, NoRecord> {
    let mut record = Record { fields: Vec::new(), bytes: 0, lines: 0 };
    let mut at = 0;
    loop {
        let column = record.fields.len() + 1;
        let mut field = Vec::new();
        if text.get(at) == Some(&b'"') {
            at += 1;
            loop {
                match (text.get(at), text.get(at + 1)) {
                    (None, _) => return Err(NoRecord::Incomplete),
                    (Some(b'"'), Some(b'"')) => {
                        field.push(b'"');
                        at += 2;
                    }
                    (Some(b'"'), None) => return Err(NoRecord::Incomplete),
                    (Some(b'"'), Some(_)) => break,
                    (Some(byte), _) => {
                        record.lines += u64::from(*byte == b'\n');
                        field.push(*byte);
                        at += 1;
                    }
                }
            }
            at += 1;
        } else {
            let rest = &text[at..];
            let end = rest.iter().position(|byte| matches!(byte, b',' | b'\n')).ok_or(NoRecord::Incomplete)?;
            let value = &rest[..end];
            at += end;
            field.extend_from_slice(if rest[end] == b'\n' {
                value.strip_suffix(b"\r").unwrap_or(value)
            } else {
                value
            });
        }
        record.fields.push(field);
        if text.get(at) == Some(&b'\r') && text.get(at + 1) == Some(&b'\n') {
            at += 1;
        }
        match text.get(at) {
            Some(b',') => at += 1,
            Some(b'\n') => {
                record.bytes = at + 1;
                record.lines += 1;
                return Ok(record);
            }
            Some(b'\r') if at + 1 == text.len() => return Err(NoRecord::Incomplete),
            None => return Err(NoRecord::Incomplete),
            Some(_) => {
                let message = "text follows a closing quote; put a comma there, or double the quote inside the field";
                return Err(NoRecord::Malformed { column, message });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NoRecord, split_record};

    #[test]
    fn records_by_the_rules() {
        for (text, fields, bytes, lines) in [
            ("a,b\nc", vec!["a", "b"], 4, 1),
            ("a,\r\n", vec!["a", ""], 4, 1),
            ("\n", vec![""], 1, 1),
            ("\"a,\"\"b\nc\",d\r\n", vec!["a,\"b\nc", "d"], 13, 2),
            ("a \"b\",c\n", vec!["a \"b\"", "c"], 8, 1),
        ] {
            let record = split_record(text.as_bytes()).expect(text);
            let found: Vec<&str> = record.fields.iter().map(|f| std::str::from_utf8(f).expect("text")).collect();
            assert_eq!((found, record.bytes, record.lines), (fields, bytes, lines), "{text}");
        }
        for text in ["", "a,b", "\"a", "\"a\"", "\"a\"\r"] {
            assert_eq!(split_record(text.as_bytes()), Err(NoRecord::Incomplete), "{text}");
        }
        assert!(matches!(split_record(b"a,\"b\"c\n"), Err(NoRecord::Malformed { column: 2, .. })));
    }
}

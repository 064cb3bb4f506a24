//! Splits a byte stream into lines that end in CR, LF or CR LF.
//!
//! Invariants: a line is delivered whole or not at all; no more than the limit is kept; empty lines are skipped, so
//! that CR LF split over two reads is one end. Text is not interpreted: a line is bytes.

/// What a [`LineSplitter`] threw away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Lines longer than the limit.
    pub lines: u64,
    /// Bytes of those lines, without their ends.
    pub bytes: u64,
}

/// Splits bytes into lines.
#[derive(Debug)]
pub struct LineSplitter {
    partial: Vec<u8>,
    /// The line in `partial` was delivered and is to be forgotten.
    delivered: bool,
    /// Inside a line that is too long: drop up to its end.
    skipping: bool,
    line_bytes_max: usize,
    dropped: Dropped,
}

impl LineSplitter {
    /// A splitter for lines of up to `line_bytes_max` bytes, ends not counted.
    pub fn new(line_bytes_max: usize) -> Self {
        Self { partial: Vec::new(), delivered: false, skipping: false, line_bytes_max, dropped: Dropped::default() }
    }

    /// Takes the next line, without its end, from what is pending and from the front of `input`.
    ///
    /// `None` means that all of `input` is consumed and no line is complete.
    pub fn next_line<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Option<&'s [u8]> {
        if std::mem::take(&mut self.delivered) {
            self.partial.clear();
        }
        loop {
            let bytes = *input;
            let Some(end) = bytes.iter().position(|&byte| byte == b'\n' || byte == b'\r') else {
                *input = &[];
                self.keep(bytes);
                return None;
            };
            let (head, rest) = (&bytes[..end], &bytes[end + 1..]);
            *input = rest;
            if self.partial.is_empty() && !self.skipping && head.len() <= self.line_bytes_max {
                if head.is_empty() {
                    continue;
                }
                return Some(head);
            }
            self.keep(head);
            if !std::mem::take(&mut self.skipping) {
                self.delivered = true;
                return Some(&self.partial);
            }
        }
    }

    /// Bytes of a line whose end has not come yet. After a disconnection these belong to a truncated line.
    pub fn pending_bytes(&self) -> usize {
        if self.delivered { 0 } else { self.partial.len() }
    }

    /// What was thrown away so far.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Forgets a partial line, as after the port was opened anew; its bytes are counted as dropped.
    pub fn clear(&mut self) {
        if self.pending_bytes() > 0 {
            self.dropped.lines += 1;
            self.dropped.bytes += self.partial.len() as u64;
        }
        self.partial.clear();
        self.delivered = false;
        self.skipping = false;
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.skipping {
            self.dropped.bytes += bytes.len() as u64;
        } else if self.partial.len() + bytes.len() <= self.line_bytes_max {
            self.partial.extend_from_slice(bytes);
        } else {
            self.dropped.lines += 1;
            self.dropped.bytes += (self.partial.len() + bytes.len()) as u64;
            self.partial.clear();
            self.skipping = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dropped, LineSplitter};
    use proptest::prelude::*;

    fn split<'c>(max: usize, chunks: impl IntoIterator<Item = &'c [u8]>) -> (Vec<Vec<u8>>, Dropped, usize) {
        let mut splitter = LineSplitter::new(max);
        let mut lines = Vec::new();
        for mut chunk in chunks {
            while let Some(line) = splitter.next_line(&mut chunk) {
                lines.push(line.to_vec());
            }
        }
        (lines, splitter.dropped(), splitter.pending_bytes())
    }

    #[test]
    fn every_kind_of_end_is_one_end() {
        let (lines, dropped, pending) = split(80, [&b"a\nb\rc\r\nd\r"[..], b"\ne", b"f\r\n\r\ng"]);
        assert_eq!(lines, [&b"a"[..], b"b", b"c", b"d", b"ef"]);
        assert_eq!((dropped, pending), (Dropped::default(), 1));
    }

    #[test]
    fn an_overlong_line_is_dropped_to_its_end_and_counted() {
        let (lines, dropped, pending) = split(4, [&b"1234\n12345\n12"[..], b"3456", b"78\nok\n"]);
        assert_eq!(lines, [&b"1234"[..], b"ok"]);
        assert_eq!((dropped, pending), (Dropped { lines: 2, bytes: 13 }, 0));
    }

    #[test]
    fn clearing_counts_the_truncated_line() {
        let mut splitter = LineSplitter::new(80);
        assert_eq!(splitter.next_line(&mut &b"12"[..]), None);
        splitter.clear();
        assert_eq!(splitter.dropped(), Dropped { lines: 1, bytes: 2 });
        assert_eq!(splitter.next_line(&mut &b"3.4 g\r"[..]), Some(&b"3.4 g"[..]), "no tail of the old line");
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            size in 1_usize..9,
        ) {
            prop_assert_eq!(split(7, [&bytes[..]]), split(7, bytes.chunks(size)));
        }

        #[test]
        fn every_byte_is_accounted_for(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200)) {
            let (lines, dropped, pending) = split(9, bytes.chunks(3));
            let ends = bytes.iter().filter(|b| matches!(b, b'\n' | b'\r')).count();
            let delivered: usize = lines.iter().map(Vec::len).sum();
            prop_assert!(lines.iter().all(|line| line.len() <= 9));
            prop_assert_eq!(delivered + dropped.bytes as usize + pending + ends, bytes.len());
        }
    }
}

//! Lengths and numbers in binary values: LEB128 varints, and byte strings led by their length.

/// Appends `n` as a LEB128 varint: seven bits a byte, low ones first, the top bit set on all but the last.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Appends `bytes` led by their length.
pub(crate) fn put_chunk(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Bytes being read; every step is `None` where they end too early or make no sense.
pub(crate) struct Wire<'a>(pub(crate) &'a [u8]);

impl<'a> Wire<'a> {
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut n = 0_u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            let bits = u64::from(b & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            n |= bits << shift;
            if b & 0x80 == 0 {
                return Some(n);
            }
        }
        None
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn chunk(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.varint()?).ok()?;
        self.take(len)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_as_the_dwarf_standard_gives_them() {
        // DWARF 5, table 7.7, and the last number of 64 bits.
        for (n, bytes) in
            [(2_u64, vec![2_u8]), (127, vec![127]), (128, vec![0x80, 1]), (12857, vec![57 + 0x80, 100])]
        {
            let mut out = Vec::new();
            put_varint(&mut out, n);
            assert_eq!(out, bytes);
            assert_eq!(Wire(&out).varint(), Some(n));
        }
        let mut last = Vec::new();
        put_varint(&mut last, u64::MAX);
        assert_eq!(Wire(&last).varint(), Some(u64::MAX));
        last[9] = 2;
        assert_eq!(Wire(&last).varint(), None);
        assert_eq!(Wire(&[0x80]).varint(), None);
        assert_eq!(Wire(&[5, 1]).chunk(), None);
    }
}

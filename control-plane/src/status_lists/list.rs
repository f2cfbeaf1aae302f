//! The list itself: two bits for each place, least significant first, in a zlib stream.

use agentidp_shared::strict::encode_base64url;
use serde::Serialize;

/// Places in one of our lists: few enough to be asked for often, enough to hide in.
pub const PLACES: usize = 1 << 16;
const BITS: usize = 2;
const PER_BYTE: usize = 8 / BITS;
/// What there is to compress is mostly zeros.
const COMPRESSION_LEVEL: u8 = 9;

/// Why a token is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// For ever.
    Invalid,
    /// For the time being.
    Suspended,
}

impl Status {
    /// As it is registered.
    fn value(self) -> u8 {
        match self {
            Self::Invalid => 1,
            Self::Suspended => 2,
        }
    }
}

/// Every token is valid until something else is said of it.
#[derive(Debug)]
pub struct StatusList(Vec<u8>);

/// As it stands in a status list token.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Encoded {
    bits: usize,
    lst: String,
}

impl StatusList {
    pub fn new(places: usize) -> Self {
        Self(vec![0; places.div_ceil(PER_BYTE)])
    }

    /// Places outside of the list are nobody's.
    pub fn set(&mut self, place: usize, status: Status) {
        if let Some(byte) = self.0.get_mut(place / PER_BYTE) {
            let shift = place % PER_BYTE * BITS;
            *byte = *byte & !(0b11 << shift) | status.value() << shift;
        }
    }

    pub fn encode(&self) -> Encoded {
        let stream = miniz_oxide::deflate::compress_to_vec_zlib(&self.0, COMPRESSION_LEVEL);
        Encoded { bits: BITS, lst: encode_base64url(&stream) }
    }
}

#[cfg(test)]
mod tests {
    use agentidp_shared::strict::decode_base64url;

    use super::*;

    /// The draft's 2-bit vectors: a short list, and one of 2^20 places.
    const SHORT: &str = "eNo76fITAAPfAgc";
    const LONG: &str = "eNrt2zENACEQAEEuoaBABP5VIO01fCjIHTMStt9ovGVIAAAAAABAbiEBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEB5WwIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAID0ugQAAAAAAAAAAAAAAAAAQG12SgAAAAAAAAAAAAAAAAAAAAAAAAAAAOCSIQEAAAAAAAAAAAAAAAAAAAAAAAD8ExIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwJEuAQAAAAAAAAAAAAAAAAAAAAAAAMB9SwIAAAAAAAAAAAAAAAAAAACoYUoAAAAAAAAAAAAAAEBqH81gAQw";

    fn inflate(lst: &str) -> Vec<u8> {
        miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(&decode_base64url(lst).unwrap(), 1 << 20)
            .unwrap()
    }

    /// Compressors differ; what comes out again must not.
    #[test]
    fn the_published_vectors_hold() {
        let mut long = StatusList::new(1 << 20);
        let of = [Status::Invalid, Status::Suspended];
        for (place, value) in [
            (0, 1),
            (1_993, 2),
            (25_460, 1),
            (159_495, 3),
            (495_669, 1),
            (554_353, 1),
            (645_645, 2),
            (723_232, 1),
            (854_545, 1),
            (934_534, 2),
            (1_000_345, 3),
        ] {
            match value {
                // A value that we never give.
                3 => long.0[place / PER_BYTE] |= 3 << (place % PER_BYTE * BITS),
                value => long.set(place, of[value - 1]),
            }
        }
        assert!(inflate(LONG) == long.0);
        assert!(inflate(&long.encode().lst) == long.0);

        let mut short = StatusList::new(12);
        for (place, value) in [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3].into_iter().enumerate() {
            match value {
                0 => {}
                3 => short.0[place / PER_BYTE] |= 3 << (place % PER_BYTE * BITS),
                value => short.set(place, of[value - 1]),
            }
        }
        assert_eq!(inflate(SHORT), [0xc9, 0x44, 0xf9]);
        assert_eq!(short.0, [0xc9, 0x44, 0xf9]);
    }

    #[test]
    fn a_place_can_change_its_mind_and_its_neighbours_do_not() {
        let mut list = StatusList::new(PLACES);
        list.set(5, Status::Suspended);
        list.set(6, Status::Invalid);
        list.set(5, Status::Invalid);
        assert_eq!(list.0[1], 0b01_0100);
        list.set(PLACES, Status::Invalid);
        assert_eq!(inflate(&list.encode().lst).len(), PLACES / PER_BYTE);
        assert!(list.encode().lst.len() < 200);
    }
}

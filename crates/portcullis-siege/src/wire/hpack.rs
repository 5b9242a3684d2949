//! HPACK, written without compression: what a polite library would refuse to send.

/// Fields as literals that are not indexed (RFC 7541, 6.2.2).
pub(crate) fn encode(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        string(&mut block, name.as_bytes());
        string(&mut block, value);
    }
    block
}

/// A field as a literal that is added to the table (RFC 7541, 6.2.1).
pub(crate) fn indexed_literal(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(0x40);
    string(block, name);
    string(block, value);
}

/// A string without Huffman's code (RFC 7541, 5.2).
fn string(block: &mut Vec<u8>, bytes: &[u8]) {
    let length = bytes.len();
    if length < 127 {
        block.push(length as u8);
    } else {
        block.push(127);
        let mut rest = length - 127;
        while rest >= 128 {
            block.push((rest % 128) as u8 | 0x80);
            rest /= 128;
        }
        block.push(rest as u8);
    }
    block.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_decoder_reads_it_back(name in "[a-z]{1,10}", value in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let block = encode(&[(&name, &value)]);

            let fields = fluke_hpack::Decoder::new().decode(&block).unwrap();

            prop_assert_eq!(fields, [(name.into_bytes(), value)]);
        }
    }
}

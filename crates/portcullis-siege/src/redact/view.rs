//! A text without what stands between the characters of a secret: `5a:71`, `k-e-y`, `&#x5a;&#x71;`.

use std::{collections::HashSet, ops::Range};

use super::forms::Form;

/// So many bytes of every so many: the others stand between them, whatever they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stride {
    kept: usize,
    of: usize,
}

const fn stride(kept: usize, of: usize) -> Stride {
    Stride { kept, of }
}

pub(super) const WHOLE: &[Stride] = &[stride(1, 1)];

/// As it is, and with one character behind each.
pub(super) const LETTERS: &[Stride] = &[stride(1, 1), stride(1, 2)];

/// Two digits, with up to four characters around them; four, with one.
pub(super) const BYTES: &[Stride] = &[
    stride(1, 1),
    stride(2, 3),
    stride(2, 4),
    stride(2, 5),
    stride(2, 6),
    stride(4, 5),
];

// ===== impl Stride =====

impl Stride {
    /// The bytes that are kept, from each place where they may begin.
    fn views(self, text: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
        (0..self.of.min(text.len())).map(move |first| {
            let chunks = text[first..].chunks(self.of);
            let kept = chunks.flat_map(|chunk| &chunk[..self.kept.min(chunk.len())]);
            (first, kept.copied().collect())
        })
    }

    /// Where a byte of a view stands in the text.
    const fn place(self, first: usize, at: usize) -> usize {
        first + at / self.kept * self.of + at % self.kept
    }
}

/// Where a text, in lower case, has as much of a form in a row as tells too much.
pub(super) fn pieces(text: &str, form: &Form) -> Vec<Range<usize>> {
    let length = form.piece;
    let all: HashSet<_> = form.text.as_bytes().windows(length).collect();
    let mut begins = [false; 256];
    for piece in &all {
        begins[usize::from(piece[0])] = true;
    }
    let mut found = Vec::new();
    if all.is_empty() {
        return found;
    }
    for stride in form.strides {
        for (first, view) in stride.views(text.as_bytes()) {
            let windows = view.windows(length).enumerate();
            let here = windows
                .filter(|(_, piece)| begins[usize::from(piece[0])] && all.contains(piece))
                .map(|(at, _)| stride.place(first, at)..stride.place(first, at + length - 1) + 1);
            found.extend(here);
        }
    }
    found
}

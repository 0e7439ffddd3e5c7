//! How large patches are beside whole values.

use std::fmt;

/// What a patch may be larger than the whole at most.
const SPARE: usize = 64;

/// The sizes of the patches that a random test made.
#[derive(Debug, Default)]
pub(in crate::session) struct Sizes {
    pub(in crate::session) patches: usize,
    patch_bytes: usize,
    whole_bytes: usize,
    /// The most bytes by which a patch was larger than the whole; negative if none was.
    most_over: Option<isize>,
}

impl Sizes {
    /// Holds a patch to the size of the whole that it stands for.
    #[track_caller]
    pub(in crate::session) fn add(&mut self, patch: usize, whole: usize) {
        assert!(patch <= whole + SPARE, "a patch has {patch} bytes where the whole has {whole}");
        self.patches += 1;
        self.patch_bytes += patch;
        self.whole_bytes += whole;
        self.most_over = self.most_over.max(Some(patch.cast_signed() - whole.cast_signed()));
    }

    /// Patches are worth it: on average they have less than a third of the bytes of the whole.
    pub(in crate::session) fn assert_small(&self) {
        assert!(self.patch_bytes * 3 < self.whole_bytes, "patches are large: {self}");
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = |bytes| bytes as f64 / self.patches.max(1) as f64;
        let (patch, whole) = (mean(self.patch_bytes), mean(self.whole_bytes));
        let over = self.most_over.unwrap_or_default();
        write!(
            f,
            "{} patches of {patch:.1} bytes for {whole:.1}, at most {over:+} over the whole",
            self.patches
        )
    }
}

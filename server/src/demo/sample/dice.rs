//! The seeded generator behind every sample: SplitMix64 (Steele, Lea, Flood 2014).
//!
//! Its output is fixed by this file alone, so the same seed gives the same bytes whatever version of a random
//! number crate is in use.

/// A sequence of pseudo-random choices.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The sequence for one `purpose` of one `number` under a seed; different purposes are independent.
    pub fn new(seed: u64, number: usize, purpose: u64) -> Self {
        let mut mixed = Self(seed ^ 0x5851_f42d_4c95_7f2d);
        let seeded = mixed.bits();
        let mut numbered = Self(seeded ^ (number as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
        Self(numbered.bits() ^ purpose.wrapping_mul(0xa076_1d64_78bd_642f))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// A number in `[low, high)`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// A whole number in `low..=high`.
    pub fn whole(&mut self, low: usize, high: usize) -> usize {
        low + (self.bits() % (high - low + 1) as u64) as usize
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of the choices, which must not be empty.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.whole(0, choices.len() - 1)]
    }
}

/// A fixed number in `[0, 1)` for a point of the integer lattice.
pub fn lattice(seed: u32, x: i32, y: i32) -> f32 {
    let mut h = seed ^ (x as u32).wrapping_mul(0x85eb_ca6b) ^ (y as u32).wrapping_mul(0xc2b2_ae35);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    (h >> 8) as f32 / (1u32 << 24) as f32
}

/// Smooth noise in `[0, 1)`: the lattice, interpolated.
pub fn cloud(seed: u32, x: f32, y: f32) -> f32 {
    // Not `floor`: without SSE 4.1 that is a call, and this runs several times a pixel.
    let whole = |v: f32| v as i32 - i32::from(v < 0.0);
    let (column, row) = (whole(x), whole(y));
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, v) = (ease(x - column as f32), ease(y - row as f32));
    let across = |row: i32| {
        let from = lattice(seed, column, row);
        from + (lattice(seed, column + 1, row) - from) * u
    };
    let above = across(row);
    above + (across(row + 1) - above) * v
}

//! Files for documents, the same for the same seed, and the dice that they are made with.

/// Numbers that are the same each time (SplitMix64, Steele and others 2014).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `[0, below)`.
    pub fn below(&mut self, below: u64) -> u64 {
        self.roll() % below
    }
}

const WIDTH: u16 = 120;
const HEIGHT: u16 = 90;

fn pixels(seed: u64, light: u8) -> Vec<u8> {
    let mut dice = Dice(seed);
    (0..usize::from(WIDTH) * usize::from(HEIGHT)).map(|_| light.saturating_add(dice.below(64) as u8)).collect()
}

pub fn jpeg(seed: u64, light: u8) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 85);
    encoder.encode(&pixels(seed, light), WIDTH, HEIGHT, jpeg_encoder::ColorType::Luma).unwrap();
    jpeg
}

pub fn truncated(seed: u64) -> Vec<u8> {
    let whole = jpeg(seed, 150);
    whole[..whole.len() / 2].to_vec()
}

pub fn png(seed: u64) -> Vec<u8> {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, u32::from(WIDTH), u32::from(HEIGHT));
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&pixels(seed, 100)).unwrap();
    png
}

pub fn csv(seed: u64) -> Vec<u8> {
    let mut dice = Dice(seed);
    let rows: String = (0..40).map(|row| format!("{row},{}\n", dice.below(100))).collect();
    format!("visit,value\n{rows}").into_bytes()
}

pub fn text(seed: u64) -> Vec<u8> {
    format!("Note {seed}: the visit took place as planned.\n").into_bytes()
}

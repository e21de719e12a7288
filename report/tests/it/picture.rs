//! Pictures for samples, tests and benchmark. Whole numbers only: the same bytes on every machine.

/// A lit wall, a bench, something round on it, and some grain; as large as a thumbnail is, some 12 kB.
pub fn paint(width: u32, height: u32, number: usize) -> Vec<u8> {
    let (w, h, hue) = (i64::from(width), i64::from(height), number as i64 * 370 % 1_000);
    let (bench, radius) = (h * 68 / 100, w.min(h) / 6);
    let centre = (w * (300 + 400 * hue / 1_000) / 1_000, bench - radius * 2 / 3);
    let mut state = number as u32 + 1;
    let mut grain = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        i64::from(state >> 29) - 4
    };
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..h {
        for x in 0..w {
            let (dx, dy) = (x * 1_000 / w - 300, y * 1_000 / h - 200);
            let light = 1_000 - 55 * (dx * dx + dy * dy).isqrt() / 100;
            let round = (x - centre.0).pow(2) + (y - centre.1).pow(2) < radius * radius;
            let base = match (round, y > bench) {
                (true, _) => [70 + 120 * hue / 1_000, 96, 170 - 90 * hue / 1_000],
                (false, true) => [150, 132, 112],
                (false, false) => [205, 214, 216],
            };
            let noise = grain();
            pixels.extend(base.map(|channel| (channel * light / 1_000 + noise).clamp(0, 255) as u8));
        }
    }
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 80);
    encoder.encode(&pixels, width as u16, height as u16, jpeg_encoder::ColorType::Rgb).expect("a JPEG in memory");
    jpeg
}

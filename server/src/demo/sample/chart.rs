//! Clinical pictures: ECG strips and charts as PNG, angiograms and echocardiograms as grey images.

use jiff::civil::Date;

use super::canvas::{Canvas, Pen, Point, Rgb, oval, slab, smooth};
use super::dice::{Dice, cloud, lattice};
use super::heart::beat;
use super::lens::{display, grey, grey_jpeg, png};
use super::places::Site;

/// A colour as written in a style sheet, left in display space: charts are not lit.
fn flat(hex: u32) -> Rgb {
    [16, 8, 0].map(|shift| (hex >> shift & 255) as f32 / 255.0)
}

/// An ECG of twelve leads on its pink grid; a PNG file.
pub fn ecg_strip(site: &Site, date: Date, dice: &mut Dice) -> Vec<u8> {
    // Units are millimetres of ECG paper: 25 mm/s, 10 mm/mV.
    let mut c = Canvas::new(1500, 1000, 200.0, flat(dice.pick(&[0xfff7f3, 0xfffaf5, 0xfbf7ef])));
    let red = flat(dice.pick(&[0xf3b7ad, 0xf0a8a8, 0xeec09a]));
    for step in 0..=300 {
        let (x, bold) = (step as f32, step % 5 == 0);
        c.line((x, 0.0), (x, 200.0), if bold { 0.09 } else { 0.03 }, red);
        if step <= 200 {
            c.line((0.0, x), (300.0, x), if bold { 0.09 } else { 0.03 }, red);
        }
    }
    let ink = flat(0x1b1b2b);
    let rate = dice.between(52.0, 112.0);
    let subject = format!("{}-{:03}", site.code, dice.whole(1, 40));
    c.text(8.0, 9.0, &format!("ACME-101   Subject {subject}   {date}   {rate:.0} /min"), Pen::plain(3.4), ink);
    c.text(8.0, 195.0, "25 mm/s   10 mm/mV   0.05-150 Hz", Pen::plain(2.6), ink);
    let period = 60.0 / rate * 25.0;
    let (rough, inverted) = (dice.bits() as u32, dice.chance(0.2));
    let irregular = if dice.chance(0.2) { 0.45 } else { 0.04 };
    let leads = [
        ("I", 0.7, 0.8),
        ("aVR", -0.8, -0.8),
        ("V1", -0.5, -0.3),
        ("V4", 1.5, 1.2),
        ("II", 1.1, 1.0),
        ("aVL", 0.35, 0.4),
        ("V2", -0.7, 1.0),
        ("V5", 1.3, 1.1),
        ("III", 0.45, 0.4),
        ("aVF", 0.8, 0.7),
        ("V3", 0.6, 1.3),
        ("V6", 1.0, 0.9),
        ("II", 1.1, 1.0),
    ];
    for (number, (name, r, t)) in leads.into_iter().enumerate() {
        let rhythm = number == 12;
        let (row, column) = if rhythm { (3, 0) } else { (number / 4, number % 4) };
        let (left, base) = (10.0 + column as f32 * 70.0, 42.0 + row as f32 * 44.0);
        let t = if inverted && name.starts_with('V') { -t } else { t };
        let length = if rhythm { 280.0 } else { 70.0 };
        let points: Vec<Point> = (0..=(length * 4.0) as usize)
            .map(|step| {
                let x = step as f32 / 4.0;
                let time = (column as f32 * 70.0 * f32::from(!rhythm as u8) + x) / period;
                let early = irregular * (lattice(rough, time as i32, 3) - 0.5);
                let wander = (cloud(rough, x * 0.02, number as f32) - 0.5) * 2.0;
                let tremor = (lattice(rough, step as i32, number as i32) - 0.5) * 0.25;
                (left + x, base - beat((time - early).fract(), r, t) * 10.0 + wander + tremor)
            })
            .collect();
        c.path(&points, 0.15, ink);
        c.text(left + 1.0, base - 16.0, name, Pen::bold(3.0), ink);
        if column == 0 {
            c.path(
                &[
                    (left - 6.0, base),
                    (left - 5.0, base),
                    (left - 5.0, base - 10.0),
                    (left - 1.5, base - 10.0),
                    (left - 1.5, base),
                    (left, base),
                ],
                0.15,
                ink,
            );
        }
    }
    png(&display(&c), c.width, c.height, png::ColorType::Rgb)
}

/// A chart of enrolment or of temperatures, as a site pastes it into its report; a PNG file.
pub fn chart(site: &Site, dice: &mut Dice) -> Vec<u8> {
    let dark = dice.chance(0.3);
    let (ground, ink) = if dark { (0x17202b, 0xd5dde6) } else { (0xffffff, 0x2b3440) };
    let (ground, ink) = (flat(ground), flat(ink));
    let mut c = Canvas::new(1100, 700, 100.0, ground);
    let across = c.across();
    let palettes = [[0x1d6fa5, 0xe76f51, 0x2a9d8f], [0x6a4c93, 0xf4a261, 0x8ab17d], [0x00798c, 0xd1495b, 0xedae49]];
    let palette = dice.pick(&palettes).map(flat);
    let (left, top, right, bottom) = (14.0, 18.0, across - 6.0, 86.0);
    for step in 0..=5 {
        let y = bottom - (bottom - top) * step as f32 / 5.0;
        let faint = [0, 1, 2].map(|channel| ground[channel] + (ink[channel] - ground[channel]) * 0.2);
        c.line((left, y), (right, y), 0.1, faint);
        c.text(left - 7.0, y + 1.0, &(step * 2).to_string(), Pen::plain(2.2), ink);
    }
    if dice.chance(0.5) {
        let title = format!("Enrolment at {} by month", site.city);
        c.text(left, 10.0, &title, Pen::bold(3.6), ink);
        let pitch = (right - left) / 12.0;
        for month in 0..12 {
            let mut y = bottom;
            for colour in palette {
                let height = dice.between(1.5, 6.5) + month as f32 * dice.between(0.3, 1.3);
                c.fill(&slab(left + pitch * (month as f32 + 0.2), y - height, pitch * 0.6, height, 0.3), |_, _| colour);
                y -= height;
            }
            c.text(left + pitch * (month as f32 + 0.35), bottom + 4.5, &(month + 1).to_string(), Pen::plain(2.2), ink);
        }
    } else {
        c.text(left, 10.0, &format!("Storage temperature, {}", site.city), Pen::bold(3.6), ink);
        c.paint([left, bottom - 54.4, right, bottom - 13.6], |_, _, p| {
            [0, 1, 2].map(|channel| p[channel] + (palette[2][channel] - p[channel]) * 0.15)
        });
        for colour in palette.into_iter().take(2) {
            let (rough, level) = (dice.bits() as u32, dice.between(3.4, 6.2));
            let peak = dice.between(0.1, 0.9);
            let points: Vec<Point> = (0..=400)
                .map(|step| {
                    let t = step as f32 / 400.0;
                    let door = 2.6 * smooth(0.02, 0.0, (t - peak).abs());
                    let value = level + cloud(rough, t * 12.0, 0.0) + 0.5 * cloud(rough, t * 90.0, 1.0) + door;
                    (left + (right - left) * t, bottom - value * 6.8)
                })
                .collect();
            c.path(&points, 0.3, colour);
        }
    }
    c.line((left, bottom), (right, bottom), 0.2, ink);
    png(&display(&c), c.width, c.height, png::ColorType::Rgb)
}

/// A coronary angiogram: branching vessels filled with contrast, ribs faintly behind; a grey PNG file.
pub fn angiogram(dice: &mut Dice) -> Vec<u8> {
    let seed = dice.bits() as u32;
    let mut c = Canvas::new(768, 768, 100.0, 0.7);
    let slope = dice.between(0.2, 0.5);
    c.wash(|x, y, _| {
        let rib = ((y - x * slope) * 0.27 + cloud(seed, x * 0.02, y * 0.02) * 2.0).sin();
        0.62 + 0.16 * cloud(seed ^ 1, x * 0.025, y * 0.025) - 0.05 * smooth(0.2, 0.9, rib)
    });
    c.shadow(&oval(dice.between(40.0, 60.0), 110.0, 60.0, 44.0), (0.0, 0.0), 14.0, 0.35);
    let catheter: Vec<Point> =
        (0..50).map(|step| step as f32 / 49.0).map(|t| (34.0 - 30.0 * t + 22.0 * t * t, 16.0 - 20.0 * t)).collect();
    c.path(&catheter, 0.9, 0.22);
    for _ in 0..dice.whole(2, 3) {
        let start = (34.0 + dice.between(0.0, 2.0), 16.0);
        let heading = dice.between(0.1, 1.35);
        vessel(&mut c, dice, start, heading, 1.7, 0);
    }
    c.wash(|x, y, ground| {
        let grain = (lattice(seed ^ 3, (x * 7.68) as i32, (y * 7.68) as i32) - 0.5) * 0.05;
        let round = smooth(52.0, 49.0, ((x - 50.0).powi(2) + (y - 50.0).powi(2)).sqrt());
        (ground + grain).clamp(0.0, 1.0) * round
    });
    png(&grey(&c), c.width, c.height, png::ColorType::Grayscale)
}

fn vessel(c: &mut Canvas<f32>, dice: &mut Dice, start: Point, heading: f32, width: f32, generation: usize) {
    let (mut at, mut heading, mut width) = (start, heading, width);
    let bend = dice.between(-0.02, 0.035);
    let steps = dice.whole(26, 44);
    let narrow = if dice.chance(0.25) { dice.whole(6, steps - 4) } else { usize::MAX };
    for step in 0..steps {
        heading += bend + dice.between(-0.13, 0.13);
        let to = (at.0 + heading.cos() * 1.5, at.1 + heading.sin() * 1.5);
        let lumen = if step.abs_diff(narrow) < 3 { width * 0.45 } else { width };
        c.shadow(&super::canvas::line(at, to, lumen * 0.75), (0.0, 0.0), lumen * 0.7, 0.30);
        at = to;
        width *= 0.978;
        if generation < 3 && width > 0.35 && dice.chance(0.085) {
            let aside = dice.between(0.35, 0.9) * dice.pick(&[-1.0, 1.0]);
            vessel(c, dice, at, heading + aside, width * 0.7, generation + 1);
        }
    }
}

/// An echocardiogram: a fan of speckle with four dark chambers, and the ECG beneath; a grey JPEG file.
pub fn echocardiogram(dice: &mut Dice) -> Vec<u8> {
    let seed = dice.bits() as u32;
    let mut c = Canvas::new(800, 600, 100.0, 0.02);
    let across = c.across();
    let apex = (across * 0.5, 4.0);
    // Two ventricles that taper towards the probe, two atria below the valves.
    let heart = (dice.between(-4.0, 3.0), dice.between(-3.0, 3.0), dice.between(0.88, 1.12));
    let chambers = [(-8.6, 37.0, 8.4, 18.0), (8.4, 38.0, 7.0, 15.5), (-8.2, 67.5, 8.2, 8.4), (9.0, 66.0, 8.0, 8.0)]
        .map(|(x, y, rx, ry)| {
            let grow = heart.2 * dice.between(0.9, 1.08);
            (apex.0 + heart.0 + x, y + heart.1 + dice.between(-1.5, 1.5), rx * grow, ry * grow)
        });
    c.wash(|x, y, _| {
        let (dx, dy) = (x - apex.0, y - apex.1);
        let (depth, angle) = ((dx * dx + dy * dy).sqrt(), dx.atan2(dy));
        let fan = smooth(0.68, 0.66, angle.abs()) * smooth(86.0, 85.0, depth) * smooth(3.0, 4.0, depth);
        if fan <= 0.0 {
            return 0.02;
        }
        let tissue = 0.34 + 0.3 * cloud(seed, x * 0.08, y * 0.1);
        let wobble =
            0.42 * (cloud(seed ^ 1, x * 0.16, y * 0.13) - 0.5) + 0.2 * (cloud(seed ^ 4, x * 0.6, y * 0.6) - 0.5);
        let inside = chambers.iter().fold(1.0f32, |least, &(cx, cy, rx, ry)| {
            let taper = 1.0 - 0.3 * ((cy - y) / ry).clamp(0.0, 1.0);
            let reach = (((x - cx) / (rx * taper)).powi(2) + ((y - cy) / ry).powi(2)).sqrt() + wobble;
            least.min(0.12 + smooth(0.7, 1.12, reach) + 0.35 * smooth(0.16, 0.0, (reach - 1.12).abs()))
        });
        let speckle = cloud(seed ^ 2, depth * 2.2, angle * 70.0) * cloud(seed ^ 3, depth * 1.1, angle * 130.0);
        (tissue * (0.06 + inside) * (0.35 + 2.4 * speckle) * (1.15 - depth * 0.007)).min(1.0) * fan
    });
    let trace: Vec<Point> = (0..=500)
        .map(|step| step as f32 * 0.2)
        .map(|x| (across * 0.5 - 50.0 + x, 96.0 - beat((x / 26.0).fract(), 1.0, 1.0) * 6.0))
        .collect();
    c.path(&trace, 0.18, 0.8);
    c.text(3.0, 7.0, "ACME-101 A4C", Pen::plain(2.2), 0.8);
    c.text(3.0, 11.5, &format!("MI 1.{} TIS 0.{}", dice.whole(0, 4), dice.whole(4, 9)), Pen::plain(1.8), 0.6);
    for step in 0..34 {
        c.block(across - 6.0, 10.0 + step as f32, 2.4, 1.1, 1.0 - step as f32 / 34.0);
    }
    grey_jpeg(&grey(&c), c.width, c.height)
}

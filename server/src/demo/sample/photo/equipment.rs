//! Instruments: a patient monitor, an instrument panel, the investigational device itself.

use super::super::canvas::{Canvas, Pen, Pixel, Rgb, oval, rgb, slab, smooth};
use super::super::dice::{Dice, cloud};
use super::super::heart::beat;
use super::supplies::cable;
use super::{Mood, backdrop, blend, supply_colours};

/// A patient monitor with its traces, in a dim room.
pub fn monitor(c: &mut Canvas<Rgb>, dice: &mut Dice, mood: &Mood) {
    let across = c.across();
    let dim = dice.between(0.12, 0.6);
    let wall = blend(mood.wall, mood.accent, 0.3).times(dim);
    let mut far = backdrop(c, wall);
    far.wash(|x, y, _| wall.times(1.2 - y * 0.006 + (x / across - 0.5) * 0.3));
    for _ in 0..dice.whole(4, 9) {
        let (x, y) = (dice.between(0.0, across), dice.between(0.0, 90.0));
        let (w, h) = (dice.between(5.0, 22.0), dice.between(6.0, 40.0));
        let tint = blend(dice.pick(&supply_colours()), wall, 0.5).times(dim + 0.2);
        far.solid(&slab(x, y, w, h, 1.0), tint);
    }
    far.glow((across * dice.unit(), 12.0), 60.0, mood.light.times(0.35 * dim));
    far.blur(4);
    c.cover(&far);
    let desk = mood.wood.times(0.5 * dim + 0.12);
    c.paint([0.0, 88.0, across, 100.0], |_, y, _| desk.times(0.8 + (y - 88.0) * 0.05));
    let width = dice.between(96.0, 108.0);
    let (left, top, height) = ((across - width) * dice.between(0.35, 0.65), 7.0, 76.0);
    let case = slab(left, top, width, height, 4.0);
    let shell = dice.pick(&[rgb(0xd9dcdc), rgb(0x2b2f36), rgb(0xe9e6dd), rgb(0x8d99a6)]);
    c.shadow(&case, (3.0, 5.0), 9.0, 0.65);
    c.solid(&slab(left + width * 0.42, top + height, width * 0.16, 9.0, 0.5), shell.times(0.4));
    c.solid(&slab(left + width * 0.28, 90.0, width * 0.44, 3.0, 1.4), shell.times(0.35));
    c.fill(&case, |x, y| shell.times((0.5 + 0.5 * dim) * (0.95 - (y - top) * 0.005 - (x - left) * 0.001)));
    let (sl, st, sw, sh) = (left + 4.0, top + 4.0, width - 8.0, height - 15.0);
    c.fill(&slab(sl, st, sw, sh, 0.8), |x, y| {
        let near = |v: f32| smooth(0.1, 0.0, v - (v / 6.0) as i32 as f32 * 6.0);
        let grid = near(x - sl) + near(y - st);
        [0.004, 0.008, 0.016].times(1.0 + 1.5 * grid)
    });
    screen(c, dice, (sl, st, sw, sh));
    for button in 0..7 {
        let x = left + width * 0.3 + button as f32 * 6.0;
        let key = slab(x, top + height - 8.0, 4.6, 3.4, 0.8);
        c.solid(&key, shell.times(0.35));
        c.line((x + 1.4, top + height - 6.3), (x + 3.2, top + height - 6.3), 0.16, [0.7; 3]);
    }
    let knob = (left + width - 10.0, top + height - 6.2);
    c.shadow(&oval(knob.0, knob.1, 3.4, 3.4), (0.6, 0.9), 1.2, 0.6);
    c.fill(&oval(knob.0, knob.1, 3.4, 3.4), |x, y| shell.times(0.55 - (x - knob.0 + y - knob.1) * 0.06));
    c.text(left + 5.0, top + height - 5.0, "CARDIOVIEW", Pen::plain(2.0), shell.times(0.3));
    let lamp = dice.pick(&[[0.1, 1.0, 0.3], [1.0, 0.7, 0.1], [1.0, 0.1, 0.08]]);
    c.solid(&slab(left + width * 0.4, top + 1.2, width * 0.2, 1.3, 0.6), lamp);
    c.glow((left + width * 0.5, top + 1.8), 13.0, lamp.times(0.25));
    c.glow((left + width * 0.5, 93.0), 40.0, [0.01, 0.05, 0.05]);
}

fn screen(c: &mut Canvas<Rgb>, dice: &mut Dice, (left, top, width, height): (f32, f32, f32, f32)) {
    let colours = [[0.12, 1.0, 0.3], [1.0, 0.18, 0.15], [0.1, 0.85, 1.0], [1.0, 0.85, 0.15]];
    let names = ["ECG II", "ART", "SpO2", "RESP"];
    let rate = dice.whole(48, 118);
    let readings = [
        rate.to_string(),
        format!("{}/{}", dice.whole(104, 148), dice.whole(58, 90)),
        dice.whole(91, 100).to_string(),
        dice.whole(11, 22).to_string(),
    ];
    let lane = height / 4.0;
    let waves = width * 0.66;
    let period = waves / (rate as f32 / 14.0);
    let sweep = dice.between(0.2, 0.95) * waves;
    for (row, colour) in colours.into_iter().enumerate() {
        let base = top + lane * (row as f32 + 0.68);
        let value = |x: f32| {
            let phase = (x / period).fract();
            match row {
                0 => beat(phase, 1.0, 1.0) * lane * 0.42,
                1 => {
                    let rise = smooth(0.3, 0.42, phase) * (1.0 - smooth(0.42, 1.0, phase).powf(0.6));
                    lane * (0.5 * rise + 0.06 * smooth(0.06, 0.0, (phase - 0.62).abs()))
                }
                2 => lane * 0.4 * smooth(0.35, 0.5, phase) * (1.0 - smooth(0.5, 1.0, phase)),
                _ => lane * 0.2 * (1.0 + (x / period * 1.4).sin()),
            }
        };
        let points: Vec<_> = (0..=(waves * 3.0) as usize)
            .map(|step| step as f32 / 3.0)
            .map(|x| (left + 2.0 + x, base - value(x)))
            .collect();
        for pair in points.windows(2) {
            let age = (sweep - (pair[0].0 - left)).rem_euclid(waves) / waves;
            if age < 0.95 {
                c.line(pair[0], pair[1], 0.26, colour.times(1.0 - 0.65 * age));
            }
        }
        let x = left + width * 0.71;
        c.text(left + 2.0, top + lane * row as f32 + 3.6, names[row], Pen::plain(1.7), colour.times(0.7));
        c.text(x, top + lane * row as f32 + 3.6, names[row], Pen::plain(1.7), colour.times(0.6));
        let size = if row == 0 { 8.6 } else { 5.6 };
        c.text(
            x,
            top + lane * (row as f32 + 0.82),
            &readings[row],
            Pen { weight: size * 0.075, ..Pen::plain(size) },
            colour,
        );
        c.glow((x + 8.0, top + lane * (row as f32 + 0.6)), 16.0, colour.times(0.03));
        c.glow((left + sweep, base - lane * 0.2), 8.0, colour.times(0.10));
    }
}

/// A front panel of brushed metal with gauges, knobs, switches and a display.
pub fn panel(c: &mut Canvas<Rgb>, dice: &mut Dice, mood: &Mood) {
    let (across, grain) = (c.across(), dice.bits() as u32);
    let metals = [rgb(0xb8bdc2), rgb(0x3c434b), rgb(0xc8c2b4), rgb(0x5b6f7a), rgb(0x8fa89b)];
    let metal = dice.pick(&metals);
    c.wash(|x, y, _| {
        let brushed = cloud(grain, x * 0.05, y * 14.0) * 0.12 + cloud(grain ^ 5, x * 0.12, y * 31.0) * 0.08;
        metal.times(0.78 + brushed + 0.2 * smooth(30.0, 0.0, (x - across * 0.35 - y * 0.4).abs()))
    });
    for (x, y) in [(4.0, 4.0), (across - 4.0, 4.0), (4.0, 96.0), (across - 4.0, 96.0)] {
        screw(c, x, y, dice.between(0.0, 3.1), metal);
    }
    let dark = metal[1] < 0.2;
    let ink = if dark { [0.85; 3] } else { [0.05, 0.06, 0.07] };
    c.text(
        9.0,
        10.0,
        dice.pick(&["STIMULATOR CS-4", "INFUSION UNIT", "CATHETER ABLATOR", "PACING ANALYZER"]),
        Pen::bold(3.0),
        ink,
    );
    let gauges = dice.whole(2, 3);
    for number in 0..gauges {
        let x = across * (number as f32 + 0.5) / gauges as f32;
        gauge(c, dice, (x, 33.0), 16.0, mood);
    }
    let display = slab(9.0, 56.0, 46.0, 17.0, 1.0);
    c.shadow(&display, (-0.6, -0.8), 1.4, 0.5);
    c.solid(&display, [0.008, 0.012, 0.01]);
    let led = dice.pick(&[[1.0, 0.2, 0.05], [0.15, 1.0, 0.5], [0.15, 0.75, 1.0], [1.0, 0.6, 0.1]]);
    let reading = format!("{}.{:02}", dice.whole(0, 24), dice.whole(0, 99));
    c.text(12.0, 69.6, &reading, Pen { weight: 0.7, slant: 0.1, height: 9.0 }, led);
    c.text(46.2, 69.6, dice.pick(&["mA", "mV", "Hz", "kPa"]), Pen::plain(3.0), led);
    c.glow((30.0, 64.0), 26.0, led.times(0.09));
    for number in 0..3 {
        knob(c, dice, (across - 62.0 + number as f32 * 22.0, 65.0), 7.0, ink);
    }
    let lamps = [[1.0, 0.1, 0.06], [1.0, 0.65, 0.08], [0.1, 1.0, 0.25], [0.15, 0.5, 1.0]];
    let switches = dice.whole(6, 9);
    for number in 0..switches {
        let x = across * (number as f32 + 0.7) / (switches as f32 + 0.4);
        let (colour, on) = (dice.pick(&lamps), dice.chance(0.6));
        c.solid(&oval(x, 80.5, 1.7, 1.7), [0.08; 3]);
        c.solid(&oval(x, 80.5, 1.25, 1.25), colour.times(if on { 1.1 } else { 0.12 }));
        if on {
            c.glow((x, 80.5), 7.0, colour.times(0.35));
        }
        toggle(c, (x, 89.0), dice.chance(0.5));
    }
}

fn screw(c: &mut Canvas<Rgb>, x: f32, y: f32, angle: f32, metal: Rgb) {
    c.shadow(&oval(x, y, 1.8, 1.8), (0.2, 0.4), 0.6, 0.5);
    c.fill(&oval(x, y, 1.8, 1.8), |px, py| metal.times(1.0 - (px - x + py - y) * 0.2));
    let (sin, cos) = angle.sin_cos();
    c.line((x - cos * 1.2, y - sin * 1.2), (x + cos * 1.2, y + sin * 1.2), 0.22, metal.times(0.2));
}

fn gauge(c: &mut Canvas<Rgb>, dice: &mut Dice, (x, y): (f32, f32), r: f32, mood: &Mood) {
    c.shadow(&oval(x, y, r, r), (1.0, 1.6), 2.4, 0.5);
    c.fill(&oval(x, y, r, r), |px, py| [0.6, 0.61, 0.63].times(0.75 - (px - x + py - y) / r * 0.4));
    c.fill(&oval(x, y, r * 0.9, r * 0.9), |_, py| [0.9, 0.89, 0.84].times(0.78 + 0.2 * smooth(y - r, y + r * 0.5, py)));
    let spoke = |turn: f32, reach: f32| {
        let (sin, cos) = ((turn * 270.0 + 135.0).to_radians()).sin_cos();
        (x + cos * r * reach, y + sin * r * reach)
    };
    for step in 0..24 {
        let turn = step as f32 / 30.0;
        c.line(
            spoke(turn, 0.8),
            spoke(turn + 1.0 / 30.0, 0.8),
            r * 0.035,
            if step < 17 { rgb(0x3b8c5a) } else { rgb(0xd9a327) },
        );
    }
    for step in 24..30 {
        c.line(spoke(step as f32 / 30.0, 0.8), spoke((step + 1) as f32 / 30.0, 0.8), r * 0.035, rgb(0xc1121f));
    }
    for tick in 0..=20 {
        let (turn, long) = (tick as f32 / 20.0, tick % 4 == 0);
        c.line(spoke(turn, if long { 0.62 } else { 0.68 }), spoke(turn, 0.75), r * 0.014, [0.05; 3]);
    }
    let value = dice.between(0.08, 0.92);
    c.text(x - r * 0.2, y + r * 0.5, "kPa", Pen::plain(r * 0.14), [0.08; 3]);
    let (tip, tail) = (spoke(value, 0.7), spoke(value + 2.0 / 3.0, 0.16));
    c.line((tip.0 + 0.5, tip.1 + 0.7), (tail.0 + 0.5, tail.1 + 0.7), r * 0.022, [0.55, 0.54, 0.5]);
    c.line(tip, tail, r * 0.022, blend(mood.accent, [0.6, 0.02, 0.02], 0.6));
    c.fill(&oval(x, y, r * 0.09, r * 0.09), |px, py| [0.3; 3].times(1.0 - (px - x + py - y) * 0.3));
    c.glaze(&oval(x - r * 0.25, y - r * 0.4, r * 0.5, r * 0.3), 0.16, |_, _| [1.0; 3]);
}

fn knob(c: &mut Canvas<Rgb>, dice: &mut Dice, (x, y): (f32, f32), r: f32, ink: Rgb) {
    for tick in 0..=10 {
        let (sin, cos) = ((tick as f32 * 27.0 + 135.0).to_radians()).sin_cos();
        c.line((x + cos * r * 1.15, y + sin * r * 1.15), (x + cos * r * 1.3, y + sin * r * 1.3), 0.18, ink);
    }
    c.shadow(&oval(x, y, r, r), (1.4, 2.4), 2.6, 0.7);
    c.fill(&oval(x, y, r, r), |px, py| {
        let (dx, dy) = ((px - x) / r, (py - y) / r);
        let rim = smooth(0.8, 0.95, (dx * dx + dy * dy).sqrt());
        let ridge = if rim > 0.0 { (dy.atan2(dx) * 26.0).sin() * 0.3 * rim } else { 0.0 };
        [0.05, 0.052, 0.056].times(1.2 + ridge - dx - dy)
    });
    c.fill(&oval(x, y, r * 0.74, r * 0.74), |px, py| {
        let angle = (py - y).atan2(px - x);
        [0.5, 0.51, 0.53].times(0.7 + 0.3 * (angle * 2.0 + 0.8).sin().abs())
    });
    let (sin, cos) = dice.between(2.4, 7.0).sin_cos();
    c.line((x + cos * r * 0.3, y + sin * r * 0.3), (x + cos * r * 0.68, y + sin * r * 0.68), 0.4, [0.85, 0.1, 0.06]);
}

fn toggle(c: &mut Canvas<Rgb>, (x, y): (f32, f32), up: bool) {
    c.fill(&oval(x, y, 2.2, 2.2), |px, py| [0.5; 3].times(0.9 - (px - x + py - y) * 0.18));
    let tip = (x, if up { y - 4.0 } else { y + 4.0 });
    c.line((x + 0.6, y + 0.5), (tip.0 + 0.9, tip.1 + 0.8), 0.9, [0.06; 3]);
    c.line((x, y), tip, 0.9, [0.42, 0.43, 0.45]);
    c.line((x - 0.3, y), (tip.0 - 0.3, tip.1), 0.28, [0.95; 3]);
}

/// The implant with its lead on a surgical drape, a ruler beside it.
pub fn device(c: &mut Canvas<Rgb>, dice: &mut Dice, mood: &Mood) {
    let (across, seed) = (c.across(), dice.bits() as u32);
    let drapes = [rgb(0x2a7f9e), rgb(0x2f8f83), rgb(0x3d5a98), rgb(0x6f8f5a), rgb(0xb9c6cf)];
    let drape = blend(dice.pick(&drapes), mood.accent, 0.2);
    let lean = dice.between(-0.6, 0.6);
    c.wash(|x, y, _| {
        let (u, v) = (x + y * lean, y - x * lean);
        let warp = cloud(seed, x * 0.03, y * 0.03) * 9.0;
        let fold = cloud(seed ^ 1, u * 0.045 + warp * 0.35, v * 0.012);
        let crease = 1.0 - (cloud(seed ^ 2, u * 0.06 + warp * 0.2, v * 0.02) * 2.0 - 1.0).abs();
        let weave = cloud(seed ^ 3, x * 3.0, y * 3.0) * 0.07;
        drape.times(0.42 + 0.75 * fold * fold + 0.2 * crease.powi(6) + weave)
    });
    let (x, y) = (across * dice.between(0.36, 0.5), dice.between(46.0, 56.0));
    let r = dice.between(18.0, 22.0);
    let turns = dice.between(1.6, 2.6);
    let lead: Vec<_> = (0..220)
        .map(|step| {
            let t = step as f32 / 219.0;
            let angle = -1.2 + t * turns * std::f32::consts::TAU;
            let reach = r * (0.75 + 1.05 * t + 0.12 * (t * 7.0).sin());
            (x + r * 0.9 + angle.cos() * reach * 0.9 * smooth(0.0, 0.12, t), y - r * 0.8 + angle.sin() * reach * 0.75)
        })
        .collect();
    cable(c, &lead, 0.85, dice.pick(&[rgb(0xdfe3e6), rgb(0x9fc4d8), rgb(0xe9e2d0)]));
    if let Some(&(tip_x, tip_y)) = lead.last() {
        c.solid(&oval(tip_x, tip_y, 1.5, 1.5), [0.75, 0.72, 0.6]);
    }
    let header = slab(x - r * 0.72, y - r * 1.28, r * 1.5, r * 0.75, r * 0.3);
    c.shadow(&header, (2.0, 3.0), 3.0, 0.4);
    c.glaze(&header, 0.62, |px, py| [0.8, 0.86, 0.9].times(0.75 - (py - y + r * 1.2) * 0.02 + (px - x) * 0.006));
    for port in [-0.35, 0.2] {
        c.glaze(&slab(x + r * port, y - r * 1.12, r * 0.5, r * 0.2, r * 0.1), 0.85, |_, py| {
            [0.55, 0.5, 0.38].times(0.6 + smooth(y - r * 0.92, y - r * 1.1, py) * 0.8)
        });
    }
    can(c, dice, (x, y), r);
    ruler(c, (across * 0.5 - 46.0, 88.0, 92.0));
}

fn can(c: &mut Canvas<Rgb>, dice: &mut Dice, (x, y): (f32, f32), r: f32) {
    let (seed, sun) = (dice.bits() as u32, dice.between(-0.8, 0.8));
    let body = slab(x - r, y - r * 0.78, r * 2.0, r * 1.7, r * 0.72);
    c.shadow(&body, (3.0, 4.4), 5.0, 0.6);
    c.fill(&body, |px, py| {
        let sheen = smooth(0.9, 0.0, ((px - x) / r * 0.8 + (py - y) / r * 0.5 - sun).abs());
        [0.42, 0.43, 0.45].times(0.62 + 0.7 * sheen)
    });
    let face = slab(x - r * 0.93, y - r * 0.71, r * 1.86, r * 1.56, r * 0.66);
    c.fill(&face, |px, py| {
        let brushed = cloud(seed, px * 0.15, py * 9.0) * 0.12;
        let sheen = smooth(0.8, 0.0, ((px - x) / r * 0.7 + (py - y) / r * 0.6 + sun).abs());
        [0.52, 0.53, 0.55].times(0.66 + brushed + 0.5 * sheen)
    });
    let etched = [0.1, 0.105, 0.115];
    c.text(x - r * 0.62, y - r * 0.22, "ACME", Pen::bold(r * 0.26), etched);
    c.text(x - r * 0.62, y + r * 0.06, "CARDIO 101", Pen::plain(r * 0.15), etched);
    c.text(x - r * 0.62, y + r * 0.28, &format!("SN {:06}", dice.whole(0, 999_999)), Pen::plain(r * 0.12), etched);
    let trace: Vec<_> = (0..50)
        .map(|step| step as f32 / 49.0)
        .map(|t| (x - r * 0.62 + t * r * 1.2, y + r * 0.62 - beat(t, 1.0, 1.0) * r * 0.2))
        .collect();
    c.path(&trace, r * 0.018, etched);
}

fn ruler(c: &mut Canvas<Rgb>, (left, top, width): (f32, f32, f32)) {
    let body = slab(left, top, width, 7.0, 0.3);
    c.shadow(&body, (0.8, 1.2), 1.6, 0.5);
    c.fill(&body, |x, _| [0.88, 0.87, 0.8].times(0.9 + (x - left) * 0.001));
    for tick in 0..=100 {
        let x = left + 2.0 + tick as f32 * (width - 4.0) / 100.0;
        let length = if tick % 10 == 0 {
            3.0
        } else if tick % 5 == 0 {
            2.2
        } else {
            1.4
        };
        c.line((x, top + 0.2), (x, top + length), 0.07, [0.05; 3]);
        if tick % 10 == 0 && tick < 100 {
            c.text(x + 0.4, top + 5.8, &(tick / 10).to_string(), Pen::plain(1.8), [0.05; 3]);
        }
    }
}

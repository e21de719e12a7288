//! What is kept and used: shelves, vials, tube racks, cartons.

use super::super::canvas::{Canvas, Pen, Pixel, Rgb, Shape, line, oval, rgb, slab, smooth};
use super::super::dice::{Dice, cloud};
use super::{Mood, backdrop, blend, supply_colours};

/// Three boards on a wall, filled from left to right.
pub fn shelf(c: &mut Canvas<Rgb>, dice: &mut Dice, mood: &Mood) {
    let wall = mood.wall;
    c.wash(|_, y, _| wall.times(1.0 - y * 0.0025));
    let across = c.across();
    for board in [31.0, 63.0, 95.0] {
        let mut x = dice.between(2.0, 6.0);
        while x < across - 8.0 {
            let width = match dice.whole(0, 9) {
                0..=4 => box_on_board(c, dice, x, board),
                5..=6 => bottle(c, dice, x, board),
                _ => binders(c, dice, x, board),
            };
            x += width + if dice.chance(0.2) { dice.between(4.0, 12.0) } else { dice.between(0.8, 2.2) };
        }
        let plank = slab(-1.0, board, across + 2.0, 2.6, 0.2);
        c.shadow(&plank, (0.0, 3.0), 4.0, 0.45);
        let (wood, grain) = (mood.wood, dice.bits() as u32);
        c.fill(&plank, |x, y| {
            let streak = cloud(grain, x * 0.35, y * 9.0) * 0.22;
            wood.times(1.08 - streak - smooth(board, board + 2.6, y) * 0.35)
        });
        c.block(-1.0, board, across + 2.0, 0.25, blend(wood, [1.0; 3], 0.4));
    }
}

fn box_on_board(c: &mut Canvas<Rgb>, dice: &mut Dice, x: f32, board: f32) -> f32 {
    let (width, height) = (dice.between(10.0, 22.0), dice.between(10.0, 24.0));
    let top = board - height;
    let body = slab(x, top, width, height, 0.4);
    let colour = dice.pick(&supply_colours());
    let white = dice.chance(0.55);
    let ground = if white { rgb(0xf4f3ee) } else { colour };
    c.shadow(&body, (2.2, 1.0), 2.6, 0.5);
    c.fill(&body, |px, py| ground.times(1.04 - (px - x) / width * 0.16 - (py - top) / height * 0.1));
    let band = if white { colour } else { rgb(0xfaf9f5) };
    let band_top = top + height * dice.between(0.12, 0.3);
    c.block(x, band_top, width, height * 0.2, band);
    let ink = if white { rgb(0x2b2d42) } else { rgb(0xffffff) };
    let words = ["ACME-101", "CARDIO", "STENT 3.0", "LEAD KIT", "STERILE", "CATH 6F", "GUIDE"];
    let size = (height * 0.1).min(width / 9.0);
    c.text(x + width * 0.1, band_top + height * 0.34, dice.pick(&words), Pen::bold(size), ink);
    for row in 0..3 {
        let length = width * dice.between(0.35, 0.75);
        let y = band_top + height * (0.44 + row as f32 * 0.09);
        c.line((x + width * 0.1, y), (x + width * 0.1 + length, y), 0.16, blend(ground, ink, 0.45));
    }
    width
}

fn bottle(c: &mut Canvas<Rgb>, dice: &mut Dice, x: f32, board: f32) -> f32 {
    let (width, height) = (dice.between(6.0, 9.0), dice.between(13.0, 20.0));
    let glass = dice.pick(&[rgb(0x7b3f10), rgb(0xf2f2ee), rgb(0x2f6f4f), rgb(0x35507a)]);
    let round = |centre: f32, half: f32| {
        move |px: f32, _: f32| {
            let across = (px - centre) / half;
            glass.times(1.05 - across * across * 0.7).mix([1.0; 3], smooth(0.12, 0.0, (across + 0.45).abs()) * 0.5)
        }
    };
    let (centre, half) = (x + width * 0.5, width * 0.5);
    let body = slab(x, board - height, width, height, 1.3);
    c.shadow(&body, (2.0, 0.8), 2.2, 0.5);
    c.fill(&slab(centre - half * 0.5, board - height - 2.0, half, 4.0, 0.3), round(centre, half * 0.5));
    c.fill(&body, round(centre, half));
    let cap = dice.pick(&supply_colours());
    let cap_shape = slab(centre - half * 0.62, board - height - 4.6, half * 1.24, 3.4, 0.5);
    c.fill(&cap_shape, |px, _| cap.times(1.1 - ((px - centre) / half).powi(2) * 0.9));
    let label = slab(x, board - height * 0.7, width, height * 0.42, 0.0);
    c.fill(&label, |px, _| rgb(0xfdfcf7).times(1.0 - ((px - centre) / half).powi(2) * 0.45));
    c.block(x, board - height * 0.7, width, height * 0.07, cap.times(0.8));
    for row in 0..3 {
        let y = board - height * (0.55 - row as f32 * 0.08);
        c.line((x + 1.0, y), (x + width - dice.between(1.4, 3.5), y), 0.15, rgb(0x6b7078));
    }
    width
}

fn binders(c: &mut Canvas<Rgb>, dice: &mut Dice, x: f32, board: f32) -> f32 {
    let colour = dice.pick(&supply_colours());
    let count = dice.whole(2, 5);
    for number in 0..count {
        let left = x + number as f32 * 4.6;
        let spine = slab(left, board - 25.0, 4.4, 25.0, 0.35);
        c.shadow(&spine, (1.6, 0.8), 2.0, 0.4);
        c.fill(&spine, |px, py| {
            let fold = smooth(0.0, 0.7, px - left) * smooth(4.4, 3.4, px - left);
            colour.times(0.55 + 0.45 * fold - (py - board + 25.0) * 0.004)
        });
        c.solid(&slab(left + 0.8, board - 22.0, 2.8, 9.0, 0.2), rgb(0xf7f5ee));
        for row in 0..4 {
            let y = board - 20.5 + row as f32 * 1.9;
            c.line((left + 1.2, y), (left + 2.4 + dice.between(0.0, 0.8), y), 0.18, rgb(0x4a4e58));
        }
        c.solid(&oval(left + 2.2, board - 4.5, 1.1, 1.1), rgb(0x202227));
        c.solid(&oval(left + 2.2, board - 4.3, 0.8, 0.8), rgb(0x6d727a));
    }
    count as f32 * 4.6
}

/// Glass vials in a row on a glossy bench, lamps out of focus behind them.
pub fn vials(c: &mut Canvas<Rgb>, dice: &mut Dice, mood: &Mood) {
    let across = c.across();
    let bench = dice.between(70.0, 76.0);
    let deep = blend(mood.accent, [0.01, 0.012, 0.02], 0.55);
    let mut far = backdrop(c, deep);
    let wall = blend(mood.wall, mood.accent, 0.45).times(0.7);
    far.wash(|x, y, _| blend(wall, deep, (y / bench).powf(1.4) * 0.6 + (x / across - 0.5).abs() * 0.5));
    for _ in 0..dice.whole(14, 26) {
        let tint = blend(dice.pick(&supply_colours()), mood.light.times(0.9), dice.between(0.2, 0.9));
        let (x, y, r) = (dice.between(0.0, across), dice.between(0.0, bench), dice.between(2.0, 6.5));
        far.glaze(&oval(x, y, r, r), dice.between(0.12, 0.4), |_, _| tint);
    }
    far.blur(2);
    c.cover(&far);
    let top = blend(mood.floor, mood.accent, 0.25);
    c.paint([0.0, bench - 9.0, across, 100.0], |_, y, ground| {
        let near = smooth(bench - 9.0, bench - 8.4, y);
        ground.mix(top.times(0.35 + 0.6 * smooth(bench - 9.0, 100.0, y)), near)
    });
    let count = dice.whole(4, 7);
    let pitch = across / (count as f32 + 0.6);
    let liquids = [rgb(0xd8ecf5), rgb(0xf3c24b), rgb(0xb3202c), rgb(0xe8f1e4), rgb(0x6fb7d6), rgb(0xe58f65)];
    let (liquid, cap) = (dice.pick(&liquids), dice.pick(&supply_colours()));
    for number in 0..count {
        let x = pitch * (number as f32 + 0.8) + dice.between(-1.0, 1.0);
        let foot = bench + dice.between(1.0, 6.0);
        let odd = dice.chance(0.2);
        let cap = if odd { dice.pick(&supply_colours()) } else { cap };
        vial(c, dice, (x, foot, (pitch * 0.33).min(8.0)), liquid, cap);
    }
}

fn vial(c: &mut Canvas<Rgb>, dice: &mut Dice, (x, foot, half): (f32, f32, f32), liquid: Rgb, cap: Rgb) {
    let height = half * 4.4;
    let top = foot - height;
    c.shadow(&oval(x + half * 0.8, foot + 0.3, half * 1.5, 1.6), (0.0, 0.0), 2.4, 0.55);
    let mirror = slab(x - half, foot, half * 2.0, height * 0.45, half * 0.3);
    c.glaze(&mirror, 0.35, |_, y| liquid.times(0.7 * (1.0 - (y - foot) / (height * 0.45)).max(0.0)));
    let body = slab(x - half, top + height * 0.14, half * 2.0, height * 0.86, half * 0.35);
    let neck = slab(x - half * 0.5, top, half, height * 0.3, half * 0.2);
    c.glaze(&neck, 0.5, |px, _| [0.75, 0.8, 0.82].times(0.5 + ((px - x) / half).abs()));
    c.glaze(&body, 0.28, |_, _| [0.85, 0.9, 0.92]);
    let level = top + height * dice.between(0.32, 0.5);
    let filled = slab(x - half * 0.9, level, half * 1.8, foot - level - half * 0.12, half * 0.3);
    c.glaze(&filled, 0.82, |px, py| {
        let across = (px - x) / half;
        liquid.times(0.9 - across * across * 0.5 + smooth(foot - height * 0.3, foot, py) * 0.25)
    });
    c.glaze(&oval(x, level, half * 0.9, half * 0.13), 0.7, |_, _| blend(liquid, [1.0; 3], 0.5));
    let label_top = top + height * 0.47;
    c.glaze(&slab(x - half, label_top, half * 2.0, height * 0.33, 0.2), 0.96, |px, _| {
        [0.93, 0.93, 0.9].times(1.0 - ((px - x) / half).powi(2) * 0.55)
    });
    c.block(x - half, label_top, half * 2.0, height * 0.05, cap.times(0.75));
    let pen = Pen::bold(half * 0.21);
    c.text(x - half * 0.82, label_top + height * 0.13, "ACME-101", pen, rgb(0x22303c));
    for row in 0..3 {
        let y = label_top + height * (0.18 + row as f32 * 0.045);
        c.line((x - half * 0.75, y), (x + half * dice.between(0.1, 0.7), y), half * 0.025, rgb(0x7d8790));
    }
    c.glaze(&slab(x - half * 0.82, top + height * 0.2, half * 0.16, height * 0.74, half * 0.08), 0.6, |_, _| [1.0; 3]);
    c.glaze(&slab(x + half * 0.7, top + height * 0.2, half * 0.1, height * 0.7, half * 0.05), 0.35, |_, _| [1.0; 3]);
    let crimp = slab(x - half * 0.62, top - height * 0.05, half * 1.24, height * 0.13, half * 0.08);
    c.fill(&crimp, |px, _| {
        let across = (px - x) / half;
        [0.62, 0.63, 0.65].times(0.55 + 0.9 * smooth(0.5, 0.0, (across + 0.25).abs()))
    });
    let lid = slab(x - half * 0.66, top - height * 0.12, half * 1.32, height * 0.09, half * 0.12);
    c.fill(&lid, |px, _| cap.times(1.25 - ((px - x + half * 0.2) / half).powi(2) * 1.3));
}

/// Capped sample tubes in their rack, seen from above.
pub fn rack(c: &mut Canvas<Rgb>, dice: &mut Dice, mood: &Mood) {
    let (across, grain) = (c.across(), dice.bits() as u32);
    let bench = blend(mood.floor, [0.8; 3], 0.3);
    c.wash(|x, y, _| {
        bench.times(0.72 + 0.2 * cloud(grain, x * 0.06, y * 0.06) + 0.12 * cloud(grain, x * 0.9, y * 0.9))
    });
    let (columns, rows) = dice.pick(&[(8, 5), (10, 6), (6, 4), (12, 8)]);
    let pitch = (92.0 / (rows as f32 + 0.9)).min((across - 14.0) / (columns as f32 + 0.9));
    let (width, height) = (pitch * (columns as f32 + 0.5), pitch * (rows as f32 + 0.5));
    let (left, top) = ((across - width) * 0.5 + dice.between(-4.0, 4.0), (100.0 - height) * 0.5);
    let body = slab(left, top, width, height, pitch * 0.3);
    let plastic = dice.pick(&[rgb(0xe9eef0), rgb(0x2f6db5), rgb(0xf0efe8), rgb(0x3f4a54), rgb(0x8fc7b5)]);
    let sun = dice.between(-1.0, 1.0);
    c.shadow(&body, (sun * 5.0, 4.0), 5.0, 0.6);
    c.fill(&body, |x, y| plastic.times(0.95 - (x - left) / width * 0.12 * sun - (y - top) / height * 0.1));
    let caps = [0x8e5bb5, 0xc8202f, 0xe0a526, 0x2d9d5c, 0x6fb9e6, 0x7d8791, 0xf28ab2].map(rgb);
    let empty = dice.between(0.03, 0.22);
    let by_row = dice.chance(0.5);
    let kinds: Vec<Rgb> = (0..columns.max(rows)).map(|_| dice.pick(&caps)).collect();
    for row in 0..rows {
        for column in 0..columns {
            let (x, y) = (left + pitch * (column as f32 + 0.75), top + pitch * (row as f32 + 0.75));
            let r = pitch * 0.41;
            c.fill(&oval(x, y, r, r), |px, py| plastic.times(0.08 + 0.3 * smooth(-r, r, (py - y) + (px - x) * 0.5)));
            if !dice.chance(empty) {
                let cap = if dice.chance(0.07) { dice.pick(&caps) } else { kinds[if by_row { row } else { column }] };
                tube_cap(c, (x, y, r * 0.92), cap, sun);
            }
        }
    }
    c.solid(&slab(left + width * 0.06, top - pitch * 0.02, pitch * 2.4, pitch * 0.34, 0.3), rgb(0xfbfaf4));
    let pen = Pen::bold(pitch * 0.17);
    let rack_number = format!("RACK {:02}", dice.whole(1, 40));
    c.text(left + width * 0.06 + pitch * 0.15, top + pitch * 0.24, &rack_number, pen, rgb(0x24303a));
}

fn tube_cap(c: &mut Canvas<Rgb>, (x, y, r): (f32, f32, f32), cap: Rgb, sun: f32) {
    c.shadow(&oval(x, y, r, r), (sun * r * 0.4, r * 0.35), r * 0.4, 0.6);
    c.fill(&oval(x, y, r, r), |px, py| {
        let (dx, dy) = ((px - x) / r, (py - y) / r);
        let rim = smooth(0.75, 0.9, (dx * dx + dy * dy).sqrt());
        let ridge = if rim > 0.0 { 0.06 * (dy.atan2(dx) * 24.0).sin() * rim } else { 0.0 };
        cap.times(0.95 - 0.35 * (dx * sun + dy) + ridge)
    });
    c.fill(&oval(x, y, r * 0.72, r * 0.72), |px, py| {
        let (dx, dy) = ((px - x) / r, (py - y) / r);
        cap.times(0.8 + 0.35 * (dx * sun + dy))
    });
    c.glaze(&oval(x - r * 0.25 * sun - r * 0.1, y - r * 0.4, r * 0.2, r * 0.12), 0.55, |_, _| [1.0; 3]);
}

/// A device carton with its printed label on a wooden table.
pub fn carton(c: &mut Canvas<Rgb>, dice: &mut Dice, mood: &Mood) {
    let (across, grain) = (c.across(), dice.bits() as u32);
    let wood = mood.wood;
    c.wash(|x, y, _| {
        let wave = cloud(grain, x * 0.03, y * 0.08) * 5.0;
        let vein = cloud(grain, x * 0.05 + wave, y * 1.6 + wave * 2.0);
        let fine = cloud(grain ^ 7, x * 0.25, y * 8.0);
        let seam = smooth(0.25, 0.0, (y - (y / 27.0) as i32 as f32 * 27.0 - 13.0).abs());
        wood.times((0.68 + 0.26 * vein + 0.16 * fine) * (1.0 - 0.6 * seam))
    });
    c.tilt(dice.between(-0.16, 0.16));
    let (width, height) = (dice.between(82.0, 96.0), dice.between(54.0, 64.0));
    let (left, top) = ((across - width) * 0.5, (100.0 - height) * 0.5);
    let board = dice.pick(&[rgb(0xf5f4ef), rgb(0xf5f4ef), rgb(0xc59d6b), rgb(0xdfe9ee)]);
    let accent = dice.pick(&[mood.accent, rgb(0x00558c), rgb(0xc1121f), rgb(0x2a9d8f), rgb(0x5a3d8a)]);
    c.tilted_shadow(left, top, width, height, (4.0, 5.0));
    c.block(left, top, width, height, board);
    c.block(left, top + height, width, 2.2, board.times(0.45));
    c.block(left, top, width * 0.2, height, accent);
    let mark: Vec<(f32, f32)> = (0..60)
        .map(|step| {
            let t = step as f32 / 59.0;
            let beat = super::super::heart::beat(t, 1.0, 1.0);
            (left + width * (0.02 + t * 0.16), top + height * 0.2 - beat * 7.0)
        })
        .collect();
    c.path(&mark, 0.45, [1.0; 3]);
    c.text(left + width * 0.03, top + height * 0.36, "ACME", Pen::bold(3.6), [1.0; 3]);
    let ink = rgb(0x1c2530);
    let x = left + width * 0.25;
    c.text(x, top + height * 0.16, "CARDIO DEVICE 101", Pen::bold(4.0), ink);
    c.text(x, top + height * 0.25, "For clinical investigation only", Pen::plain(2.4), ink);
    c.line((x, top + height * 0.31), (left + width * 0.95, top + height * 0.31), 0.15, accent);
    let rows = [
        format!("REF  AC101-{:03}", dice.whole(100, 420)),
        format!("LOT  {:06}", dice.whole(100_000, 999_999)),
        format!("SN   {:04} {:04}", dice.whole(1000, 9999), dice.whole(1000, 9999)),
        format!("USE BY  2028-{:02}", dice.whole(1, 12)),
    ];
    for (row, text) in rows.iter().enumerate() {
        c.text(x, top + height * (0.41 + row as f32 * 0.09), text, Pen::plain(2.6), ink);
    }
    barcode(c, dice, (x, top + height * 0.74, width * 0.42, height * 0.15), ink);
    data_matrix(c, dice, (left + width * 0.78, top + height * 0.4), height * 0.3, ink);
    c.tilt(0.0);
    let glare = dice.between(0.0, across);
    c.wash(|x, y, ground| ground.times(1.0 + 0.22 * smooth(26.0, 0.0, (x + y * 0.6 - glare).abs())));
}

fn barcode(c: &mut Canvas<Rgb>, dice: &mut Dice, (x, y, width, height): (f32, f32, f32, f32), ink: Rgb) {
    let mut at = 0.0;
    while at < width {
        let bar = dice.whole(1, 3) as f32 * 0.26;
        c.block(x + at, y, bar, height, ink);
        at += bar + dice.whole(1, 3) as f32 * 0.26;
    }
    c.text(x, y + height + 3.0, "(01) 04012345 101017", Pen::plain(1.8), ink);
}

fn data_matrix(c: &mut Canvas<Rgb>, dice: &mut Dice, (x, y): (f32, f32), size: f32, ink: Rgb) {
    let cell = size / 18.0;
    let x = x - size * 0.35;
    for row in 0..18 {
        for column in 0..18 {
            let border = column == 0 || row == 17 || (row == 0 || column == 17) && (row + column) % 2 == 0;
            if border || row > 0 && column < 17 && dice.chance(0.5) {
                c.block(x + column as f32 * cell, y + row as f32 * cell, cell * 1.03, cell * 1.03, ink);
            }
        }
    }
}

/// A cable from one place to another, hanging in a curve, with a highlight along its upper side.
pub fn cable(c: &mut Canvas<Rgb>, points: &[(f32, f32)], r: f32, colour: Rgb) {
    for pair in points.windows(2) {
        c.shadow(&line(pair[0], pair[1], r), (r * 0.8, r * 1.2), r * 1.4, 0.12);
    }
    c.path(points, r, colour.times(0.6));
    let lifted: Vec<_> = points.iter().map(|&(x, y)| (x - r * 0.15, y - r * 0.25)).collect();
    c.path(&lifted, r * 0.6, colour);
    let lit: Vec<_> = points.iter().map(|&(x, y)| (x - r * 0.3, y - r * 0.45)).collect();
    c.path(&lit, r * 0.2, blend(colour, [1.0; 3], 0.6));
}

/// A polygon from a list of corners.
pub fn polygon(corners: &[(f32, f32)]) -> Shape {
    Shape::Polygon(corners.to_vec())
}

//! Rooms: the medication refrigerator, a ward, a corridor.

use super::super::canvas::{Canvas, Pen, Pixel, Rgb, oval, rgb, slab, smooth};
use super::super::dice::{Dice, cloud};
use super::supplies::polygon;
use super::{Mood, blend, supply_colours};

/// A refrigerator with a glass door, lit from within.
pub fn refrigerator(c: &mut Canvas<Rgb>, dice: &mut Dice, mood: &Mood) {
    let across = c.across();
    let (wall, floor) = (mood.wall.times(0.62), mood.floor.times(0.5));
    c.wash(|_, y, _| if y < 90.0 { wall.times(1.0 - y * 0.003) } else { floor.times(1.4 - (y - 90.0) * 0.05) });
    c.paint([0.0, 86.0, across, 90.0], |_, y, _| mood.accent.times(0.5 + (90.0 - y) * 0.04));
    let width = dice.between(66.0, 82.0);
    let left = (across - width) * dice.between(0.35, 0.65);
    let case = slab(left, 3.0, width, 92.0, 1.8);
    c.shadow(&case, (5.0, 2.0), 7.0, 0.6);
    c.fill(&case, |x, _| [0.78, 0.8, 0.82].times(0.9 - (x - left) / width * 0.25));
    let (il, it, iw, ih) = (left + 5.0, 15.0, width - 10.0, 74.0);
    let lamp = dice.pick(&[[0.86, 0.97, 1.12], [1.0, 1.02, 1.0], [1.1, 1.02, 0.86], [0.8, 1.0, 1.06]]);
    c.fill(&slab(il, it, iw, ih, 0.8), |x, y| {
        let side = ((x - il) / iw - 0.5).abs() * 2.0;
        lamp.times(0.92 - 0.3 * side.powi(3) - 0.38 * ((y - it) / ih))
    });
    for shelf in 1..=4 {
        let y = it + ih * shelf as f32 / 4.0 - 1.6;
        cold_shelf(c, dice, (il + 1.2, y, iw - 2.4), lamp);
    }
    let glare = dice.between(il, il + iw * 0.6);
    c.paint([il, it, il + iw, it + ih], |x, y, ground| {
        let lean = x - glare + (y - it) * 0.35;
        let streak = smooth(7.0, 5.5, lean.abs()) * 0.1 + smooth(2.0, 1.2, (lean - 11.0).abs()) * 0.08;
        ground.mix([1.0; 3], streak)
    });
    for (x, y, w, h) in [(il - 0.9, it, 1.2, ih), (il + iw - 0.3, it, 1.2, ih), (il - 0.9, it - 1.0, iw + 1.8, 1.3)] {
        c.block(x, y, w, h, [0.1, 0.11, 0.12]);
    }
    let handle = slab(left + width - 3.6, 38.0, 1.7, 26.0, 0.8);
    c.shadow(&handle, (1.0, 0.8), 1.2, 0.6);
    c.fill(&handle, |x, _| [0.7, 0.72, 0.75].times(0.5 + smooth(left + width - 2.0, left + width - 3.2, x) * 0.7));
    let display = slab(left + width * 0.5 - 11.0, 5.4, 22.0, 7.2, 0.8);
    c.solid(&display, [0.012, 0.014, 0.018]);
    let warm = dice.chance(0.15);
    let led =
        if warm { [1.0, 0.12, 0.06] } else { dice.pick(&[[0.1, 0.95, 0.55], [0.15, 0.7, 1.0], [1.0, 0.45, 0.08]]) };
    let degrees = if warm { dice.whole(92, 121) } else { dice.whole(28, 64) };
    let reading = format!("{}.{} °C", degrees / 10, degrees % 10);
    c.text(left + width * 0.5 - 8.6, 10.9, &reading, Pen::bold(3.8), led);
    c.glow((left + width * 0.5, 9.0), 14.0, led.times(0.10));
    c.glow((left + width * 0.5, it + 4.0), width * 0.75, lamp.times(0.10));
}

fn cold_shelf(c: &mut Canvas<Rgb>, dice: &mut Dice, (left, y, width): (f32, f32, f32), lamp: Rgb) {
    let mut x = left + dice.between(0.0, 4.0);
    while x < left + width - 9.0 {
        let (w, h) = (dice.between(5.0, 10.5), dice.between(6.0, 13.5));
        if dice.chance(0.72) {
            let colour = dice.pick(&supply_colours());
            let base = if dice.chance(0.6) { rgb(0xf6f6f2) } else { colour };
            let body = slab(x, y - h, w, h, 0.2);
            c.shadow(&body, (0.8, 0.6), 1.4, 0.4);
            c.fill(&body, |px, py| {
                let p = base.times(1.0 - (px - x) / w * 0.18 - (y - py) / h * -0.1);
                [p[0] * lamp[0], p[1] * lamp[1], p[2] * lamp[2]].times(0.86)
            });
            c.block(x, y - h * 0.82, w, h * 0.2, if base == colour { rgb(0xf4f4f0) } else { colour });
            for row in 0..2 {
                let line = y - h * (0.42 - row as f32 * 0.15);
                c.line((x + 0.8, line), (x + w * dice.between(0.5, 0.85), line), 0.13, [0.25, 0.27, 0.3]);
            }
        } else if dice.chance(0.6) {
            let cap = dice.pick(&supply_colours());
            for bottle in 0..(w / 2.7) as usize {
                let bx = x + bottle as f32 * 2.7;
                c.glaze(&slab(bx, y - 6.0, 2.3, 6.0, 0.5), 0.8, |px, _| {
                    [0.7, 0.78, 0.8].times(1.1 - ((px - bx - 1.1) / 1.1).powi(2) * 0.5)
                });
                c.solid(&slab(bx, y - 4.2, 2.3, 2.6, 0.0), rgb(0xfaf9f2));
                c.solid(&slab(bx + 0.3, y - 7.2, 1.7, 1.5, 0.3), cap);
            }
        }
        x += w + dice.between(0.4, 1.6);
    }
    c.block(left - 1.0, y, width + 2.0, 0.7, [0.5, 0.55, 0.58]);
    c.block(left - 1.0, y, width + 2.0, 0.2, [0.95, 1.0, 1.02]);
    c.paint([left - 1.0, y + 0.7, left + width + 1.0, y + 4.0], |_, py, ground| ground.times(0.86 + (py - y) * 0.035));
}

/// A ward room with bed, window and infusion stand.
pub fn ward(c: &mut Canvas<Rgb>, dice: &mut Dice, mood: &Mood) {
    let across = c.across();
    let horizon = dice.between(60.0, 66.0);
    let (wall, floor) = (mood.wall, mood.floor);
    c.wash(|x, y, _| {
        if y < horizon {
            wall.times(0.7 + 0.2 * (x / across) - 0.1 * (1.0 - y / horizon))
        } else {
            let depth = 1.0 / (y - horizon + 6.0);
            let plank = (((x - across * 0.5) * depth * 9.0).fract() - 0.02).abs() < 0.03;
            floor.times(if plank { 0.5 } else { 0.58 + 2.4 * depth })
        }
    });
    let band = mood.accent;
    c.paint([0.0, horizon - 20.0, across, horizon - 17.0], |_, _, ground| ground.mix(band, 0.75));
    c.paint([0.0, horizon - 2.0, across, horizon], |_, _, ground| ground.times(0.55));
    let mirrored = dice.chance(0.5);
    let at = |x: f32, width: f32| if mirrored { across - x - width } else { x };
    let sill = at(dice.between(8.0, 16.0), 40.0);
    window(c, dice, sill, mirrored, horizon);
    bed(c, dice, at(46.0, 74.0), mirrored, mood);
    let pole = at(dice.between(36.0, 42.0), 0.0);
    c.shadow(&slab(pole, 14.0, 0.9, 74.0, 0.3), (2.5, 0.5), 2.0, 0.25);
    c.fill(&slab(pole, 14.0, 0.9, 74.0, 0.3), |x, _| [0.55, 0.57, 0.6].times(0.6 + (x - pole) * 0.9));
    c.line((pole - 4.0, 14.5), (pole + 5.0, 14.5), 0.35, [0.6, 0.62, 0.65]);
    c.line((pole - 5.0, 90.0), (pole + 6.0, 88.0), 0.6, [0.3, 0.31, 0.33]);
    c.line((pole + 0.4, 86.0), (pole + 4.0, 92.0), 0.6, [0.3, 0.31, 0.33]);
    let fluid = dice.pick(&[[0.85, 0.92, 0.95], [0.95, 0.85, 0.5], [0.75, 0.08, 0.08], [0.9, 0.95, 0.9]]);
    let bag = slab(pole - 6.4, 17.0, 5.6, 11.0, 1.2);
    c.glaze(&bag, 0.85, |x, y| fluid.times(0.75 + (y - 17.0) * 0.02 + 0.15 * smooth(2.0, 0.0, (x - pole + 5.0).abs())));
    c.solid(&slab(pole - 5.6, 20.0, 3.8, 4.0, 0.2), [0.92, 0.92, 0.9]);
    let pump = slab(pole - 3.0, 40.0, 7.0, 10.0, 0.8);
    c.shadow(&pump, (1.0, 1.0), 1.6, 0.4);
    c.solid(&pump, [0.7, 0.73, 0.76]);
    c.solid(&slab(pole - 2.2, 41.2, 5.4, 3.4, 0.3), [0.02, 0.1, 0.12]);
    c.text(pole - 1.6, 43.8, "125", Pen::bold(1.7), [0.2, 1.0, 0.7]);
    c.path(&[(pole - 3.6, 28.0), (pole - 4.0, 34.0), (pole - 1.0, 40.0)], 0.14, [0.8, 0.84, 0.86]);
}

fn window(c: &mut Canvas<Rgb>, dice: &mut Dice, left: f32, mirrored: bool, horizon: f32) {
    let (top, width, height) = (9.0, 40.0, 36.0);
    let skies =
        [(0x5d9bd3, 0xdcecf5), (0x2b3a67, 0xf2a065), (0x8fa3ad, 0xd9e0e2), (0x14213d, 0x33517e), (0x7fb7e8, 0xfff1d6)];
    let (high, low) = dice.pick(&skies);
    let (high, low) = (rgb(high).times(1.25), rgb(low).times(1.45));
    let seed = dice.bits() as u32;
    c.solid(&slab(left - 1.6, top - 1.6, width + 3.2, height + 3.2, 0.4), [0.72, 0.72, 0.7]);
    c.fill(&slab(left, top, width, height, 0.0), |x, y| {
        let sky = blend(high, low, (y - top) / height);
        let veil = cloud(seed, x * 0.07, y * 0.16) * 0.6 + cloud(seed, x * 0.2, y * 0.4) * 0.4;
        let sky = sky.mix([1.15; 3], smooth(0.5, 0.9, veil) * 0.5);
        let ridge = top + height * (0.72 + 0.16 * cloud(seed ^ 1, x * 0.1, 0.0));
        let near = top + height * (0.85 + 0.1 * cloud(seed ^ 2, x * 0.25, 0.0));
        if y > near {
            blend(low, [0.03, 0.07, 0.05], 0.85)
        } else if y > ridge {
            blend(low, [0.1, 0.16, 0.2], 0.6)
        } else {
            sky
        }
    });
    for part in [0.5, 1.0] {
        c.block(left + width * part - 0.7, top, 1.4, height, [0.76, 0.76, 0.74]);
    }
    c.block(left - 0.6, top, 1.4, height, [0.76, 0.76, 0.74]);
    c.block(left - 3.0, top + height + 1.0, width + 6.0, 1.6, [0.8, 0.8, 0.78]);
    let cloth = dice.pick(&[[0.85, 0.82, 0.74], [0.5, 0.65, 0.75], [0.72, 0.5, 0.42], [0.6, 0.7, 0.58]]);
    for side in [left - 7.0, left + width - 3.0] {
        c.glaze(&slab(side, top - 4.0, 10.0, height + 12.0, 0.5), 0.96, |x, y| {
            let fold = ((x - side) * 2.1 + (y * 0.03).sin()).sin() * 0.5 + 0.5;
            cloth.times(0.55 + 0.4 * fold)
        });
    }
    c.glow((left + width * 0.5, top + height * 0.5), 48.0, low.times(0.16));
    let lean = if mirrored { -18.0 } else { 18.0 };
    let patch = [
        (left + lean, horizon + 6.0),
        (left + width + lean, horizon + 6.0),
        (left + width + lean * 2.4, 98.0),
        (left + lean * 1.6, 98.0),
    ];
    c.glaze(&polygon(&patch), 0.3, |_, _| low);
}

fn bed(c: &mut Canvas<Rgb>, dice: &mut Dice, left: f32, mirrored: bool, mood: &Mood) {
    let width = 74.0;
    let flip = |x: f32| if mirrored { left + width - x } else { left + x };
    let board = |c: &mut Canvas<Rgb>, x: f32, y: f32, w: f32, h: f32, colour: Rgb| {
        let x = if mirrored { flip(x) - w } else { flip(x) };
        let shape = slab(x, y, w, h, 1.0);
        c.shadow(&shape, (1.4, 0.8), 2.4, 0.3);
        c.fill(&shape, |_, py| colour.times(1.0 - (py - y) / h * 0.25));
    };
    c.shadow(&oval(left + width * 0.5, 92.0, width * 0.52, 4.0), (0.0, 0.0), 5.0, 0.6);
    for x in [6.0, 64.0] {
        board(c, x, 78.0, 1.4, 13.0, [0.4, 0.42, 0.45]);
        c.solid(&oval(flip(x + 0.7), 91.5, 1.8, 1.8), [0.05, 0.05, 0.06]);
    }
    board(c, 68.0, 44.0, 4.0, 36.0, mood.wood);
    board(c, 0.0, 56.0, 3.4, 24.0, mood.wood);
    board(c, 2.0, 72.0, 68.0, 7.0, [0.55, 0.57, 0.6]);
    board(c, 2.5, 64.0, 67.0, 9.0, [0.82, 0.83, 0.84]);
    let blanket = dice.pick(&supply_colours());
    let (seed, start, end) = (dice.bits() as u32, flip(3.0).min(flip(48.0)), flip(3.0).max(flip(48.0)));
    c.fill(&slab(start, 61.0, end - start, 15.5, 1.6), |x, y| {
        let fold = cloud(seed, x * 0.22 + y * 0.1, y * 0.3);
        blend(blanket, [0.8; 3], 0.25).times(0.6 + 0.5 * fold - (y - 61.0) * 0.012)
    });
    let sheet = if mirrored { flip(52.0) } else { flip(46.0) };
    c.fill(&slab(sheet, 60.6, 6.0, 15.0, 1.2), |x, y| [0.86; 3].times(0.85 + 0.15 * cloud(seed ^ 3, x * 0.5, y * 0.3)));
    let pillow = oval(flip(60.0), 60.5, 8.0, 4.6);
    c.shadow(&pillow, (0.4, 1.4), 2.0, 0.35);
    c.fill(&pillow, |x, y| [0.9, 0.9, 0.88].times(1.0 - (y - 56.0) * 0.03 - 0.08 * cloud(seed ^ 9, x * 0.4, y * 0.6)));
    c.line((flip(14.0), 56.0), (flip(40.0), 56.0), 0.6, [0.62, 0.64, 0.66]);
    for x in [14.0, 27.0, 40.0] {
        c.line((flip(x), 56.0), (flip(x), 70.0), 0.5, [0.55, 0.57, 0.6]);
    }
}

/// A corridor in one-point perspective with lamps and their reflections.
pub fn corridor(c: &mut Canvas<Rgb>, dice: &mut Dice, mood: &Mood) {
    let across = c.across();
    let (vx, vy) = (across * dice.between(0.4, 0.6), dice.between(42.0, 52.0));
    let (wall, floor, accent) = (mood.wall, mood.floor, mood.accent);
    let warm = blend([0.95; 3], mood.light, 0.5);
    let rail = dice.between(0.28, 0.4);
    c.wash(|x, y, _| {
        let side = if x < vx { (vx - x) / vx } else { (x - vx) / (across - vx) };
        let level = if y < vy { (vy - y) / vy } else { (y - vy) / (100.0 - vy) };
        let far = side.max(level).max(0.14);
        let depth = 1.0 / far;
        if side >= level {
            let height = if y < vy { level / far } else { -level / far };
            let base = if height < -rail && height > -rail - 0.13 {
                accent
            } else if height < -0.93 {
                floor.times(0.4)
            } else {
                wall
            };
            base.times(0.42 + 0.5 * far + 0.05 * (depth * 2.2).sin())
        } else if y < vy {
            let seam = f32::from(depth * 3.0 - ((depth * 3.0) as i32 as f32) < 0.05);
            [0.75, 0.76, 0.76].times(0.45 + 0.35 * far - 0.15 * seam)
        } else {
            let seam = f32::from(depth * 3.0 - ((depth * 3.0) as i32 as f32) < 0.04);
            floor.times(0.42 + 0.45 * far - 0.12 * seam)
        }
    });
    let toward = |x: f32, y: f32, far: f32| {
        let half = if x < 0.0 { vx } else { across - vx };
        let rise = if y < 0.0 { vy } else { 100.0 - vy };
        (vx + x * half * far, vy + y * rise * far)
    };
    for step in 0..7 {
        let (near, far) = (1.0 / (0.9 + step as f32 * 0.8), 1.0 / (1.15 + step as f32 * 0.8));
        let lamp = [toward(-0.3, -1.0, near), toward(0.3, -1.0, near), toward(0.3, -1.0, far), toward(-0.3, -1.0, far)];
        c.solid(&polygon(&lamp), warm.times(1.6));
        let (gx, gy) = toward(0.0, -1.0, far);
        c.glow((gx, gy), 30.0 * near, warm.times(0.16));
        let (rx, ry) = toward(0.0, 1.0, (near + far) * 0.5);
        let reach = (across * 0.16 * near, 7.0 * near);
        c.paint([rx - reach.0, ry - reach.1, rx + reach.0, ry + reach.1], |x, y, ground| {
            let d = ((x - rx) / reach.0).powi(2) + ((y - ry) / reach.1).powi(2);
            ground.mix(warm, 0.42 * smooth(1.0, 0.0, d))
        });
    }
    let door_colour = dice.pick(&[mood.wood, blend(mood.accent, [1.0; 3], 0.3), rgb(0xd8dad8)]);
    for side in [-1.0, 1.0] {
        for step in 0..4 {
            let start = 1.25 + step as f32 * 1.25 + if side > 0.0 { 0.4 } else { 0.0 };
            let (near, far) = (1.0 / start, 1.0 / (start + 0.5));
            let door = [
                toward(side, -0.35, near),
                toward(side, -0.35, far),
                toward(side, 0.97, far),
                toward(side, 0.97, near),
            ];
            c.shadow(&polygon(&door), (0.0, 0.0), 1.6 * near, 0.5);
            c.fill(&polygon(&door), |_, y| door_colour.times(0.35 + 0.45 * near + (vy - y) * 0.002));
            let pane = [
                toward(side, -0.22, near * 0.93),
                toward(side, -0.22, far * 1.12),
                toward(side, 0.1, far * 1.12),
                toward(side, 0.1, near * 0.93),
            ];
            c.glaze(&polygon(&pane), 0.8, |_, _| warm.times(0.75));
        }
    }
    let end = slab(vx - across * 0.075, vy - 7.0, across * 0.15, 14.2, 0.0);
    c.fill(&end, |x, _| blend(wall.times(1.1), accent, 0.25).times(1.0 - 0.5 * smooth(0.25, 0.1, (x - vx).abs())));
    c.glow((vx, vy), 24.0, warm.times(0.22));
    if dice.chance(0.6) {
        let aside = across * dice.pick(&[-0.26, 0.26, 0.2]);
        trolley(c, dice, (vx + aside, 86.0), mood);
    }
}

fn trolley(c: &mut Canvas<Rgb>, dice: &mut Dice, (x, foot): (f32, f32), mood: &Mood) {
    let (width, height) = (20.0, 26.0);
    let (left, top) = (x - width * 0.5, foot - height);
    c.shadow(&oval(x, foot + 1.0, width * 0.6, 2.6), (0.0, 0.0), 3.0, 0.6);
    for wheel in [left + 2.0, left + width - 2.0] {
        c.solid(&oval(wheel, foot, 1.5, 1.5), [0.03, 0.03, 0.035]);
    }
    c.fill(&slab(left, top, width, height - 2.0, 0.9), |px, _| {
        [0.74, 0.75, 0.77].times(1.0 - (px - left) / width * 0.35)
    });
    let front = dice.pick(&[mood.accent, [0.62, 0.04, 0.05], [0.72, 0.74, 0.76], [0.05, 0.2, 0.4]]);
    for drawer in 0..4 {
        let y = top + 2.0 + drawer as f32 * 5.3;
        c.fill(&slab(left + 1.2, y, width - 2.4, 4.6, 0.4), |_, py| front.times(1.0 - (py - y) * 0.08));
        c.line((left + 6.0, y + 1.4), (left + width - 6.0, y + 1.4), 0.35, [0.85, 0.86, 0.88]);
    }
    c.block(left - 0.6, top - 1.0, width + 1.2, 1.4, [0.85, 0.86, 0.88]);
    c.solid(&slab(left + 2.0, top - 5.4, 6.0, 4.6, 0.4), rgb(0xf3f1e8));
    c.solid(&slab(left + 10.0, top - 7.0, 3.0, 6.2, 0.6), dice.pick(&supply_colours()));
}

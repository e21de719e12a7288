//! Images: measures against slow and obvious arithmetic, orientations, formats, damage, limits.

use domain::findings::FindingCode;
use domain::measures::{ImageMeasures, Measures};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;

use super::fixtures::{Picture, Png, exif, photo};
use super::{analysis, outcome_of, refusal};
use crate::analysis::image::{Channels, Pixels};
use crate::analysis::luminance::Luminance;
use crate::analysis::{Limits, THUMBNAIL_SIDE_PX};

fn measures(file: &[u8]) -> ImageMeasures {
    match analysis(file).measures {
        Measures::Image(image) => image,
        other => panic!("not an image: {other:?}"),
    }
}

#[test]
fn all_eight_orientations_give_the_same_upright_image() {
    let upright = photo(480, 320);
    let expected = measures(&upright.png());
    for orientation in 1..=8 {
        let stored = upright.stored_for(orientation);
        let file = Png::new(stored.width, stored.height, 8, 2).chunk(b"eXIf", &exif(orientation)).rows(&stored.rgb, 3);
        let found = analysis(&file);
        let Measures::Image(image) = found.measures else { panic!("not an image") };
        assert_eq!(image, ImageMeasures { orientation, ..expected.clone() });
        let thumbnail = found.thumbnail.unwrap();
        assert_eq!((thumbnail.width_px, thumbnail.height_px), (320, 213));

        let jpeg = measures(&stored.jpeg_with(|encoder| encoder.add_exif_metadata(&exif(orientation)).unwrap()));
        assert_eq!((jpeg.width_px, jpeg.height_px, jpeg.orientation), (480, 320, orientation));
        let distance = jpeg.perceptual_hash.distance(expected.perceptual_hash);
        assert!(distance <= 2, "orientation {orientation}: {distance}");
        assert!(jpeg.luminance_mean_milli.abs_diff(expected.luminance_mean_milli) < 500);
    }
}

#[test]
fn the_ways_to_store_the_same_pixels_in_a_png_measure_the_same() {
    let Picture { width, height, rgb } = photo(200, 120);
    let expected = measures(&Png::new(width, height, 8, 2).rows(&rgb, 3));

    let sixteen_bits: Vec<u8> = rgb.iter().flat_map(|value| [*value, 0x7f]).collect();
    assert_eq!(measures(&Png::new(width, height, 16, 2).rows(&sixteen_bits, 6)), expected);

    let opaque: Vec<u8> = rgb.chunks(3).flat_map(|pixel| [pixel, &[255]].concat()).collect();
    assert_eq!(measures(&Png::new(width, height, 8, 6).rows(&opaque, 4)), expected);

    assert_eq!(measures(&Png::with_interlace(width, height, 8, 2, 1).lines(&adam7(&rgb, width, height))), expected);

    let grey: Vec<u8> = rgb.chunks(3).map(|pixel| pixel[1]).collect();
    let as_colours: Vec<u8> = grey.iter().flat_map(|value| [*value; 3]).collect();
    let palette: Vec<u8> = (0..=255).flat_map(|value| [value; 3]).collect();
    let expected = measures(&Png::new(width, height, 8, 2).rows(&as_colours, 3));
    assert_eq!(measures(&Png::new(width, height, 8, 0).rows(&grey, 1)), expected);
    assert_eq!(measures(&Png::new(width, height, 8, 3).chunk(b"PLTE", &palette).rows(&grey, 1)), expected);
}

/// The seven passes of an interlaced PNG (section 8.2 of its specification), unfiltered.
fn adam7(rgb: &[u8], width: u32, height: u32) -> Vec<u8> {
    let passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let mut lines = Vec::new();
    for (first_x, first_y, step_x, step_y) in passes {
        for y in (first_y..height).step_by(step_y) {
            lines.push(0);
            for x in (first_x..width).step_by(step_x) {
                let at = ((y * width + x) * 3) as usize;
                lines.extend(&rgb[at..at + 3]);
            }
        }
    }
    lines
}

#[test]
fn transparency_is_laid_over_white() {
    let clear = Png::new(10, 10, 8, 6).rows(&[0; 400], 4);
    assert_eq!(measures(&clear).luminance_mean_milli, 255_000);
    let half_black = Png::new(10, 10, 8, 4).rows(&[0, 127].repeat(100), 2);
    assert_eq!(measures(&half_black).luminance_mean_milli, 128_000);
}

#[test]
fn grey_and_cmyk_and_progressive_jpegs_are_read() {
    let picture = photo(320, 200);
    let baseline = measures(&picture.jpeg());
    let progressive = measures(&picture.jpeg_with(|encoder| encoder.set_progressive(true)));
    assert_eq!(progressive, baseline);

    let luma: Vec<u8> = picture.rgb.chunks(3).map(|pixel| pixel[0]).collect();
    let mut grey = Vec::new();
    Encoder::new(&mut grey, 92).encode(&luma, 320, 200, ColorType::Luma).unwrap();
    assert!(measures(&grey).luminance_mean_milli > 50_000);

    // Cyan, magenta and yellow as the complement of the colours, no black: the same picture.
    let inks: Vec<u8> =
        picture.rgb.chunks(3).flat_map(|pixel| [255 - pixel[0], 255 - pixel[1], 255 - pixel[2], 0]).collect();
    for colours in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        let mut cmyk = Vec::new();
        Encoder::new(&mut cmyk, 92).encode(&inks, 320, 200, colours).unwrap();
        let found = measures(&cmyk);
        assert!(found.luminance_mean_milli.abs_diff(baseline.luminance_mean_milli) < 1_500, "{colours:?}: {found:?}");
    }
}

#[test]
fn a_truncated_image_is_noticed_wherever_it_ends() {
    let picture = photo(320, 200);
    let sorts = [picture.jpeg(), picture.jpeg_with(|encoder| encoder.set_progressive(true)), picture.png()];
    for file in sorts {
        for tenth in 1..10 {
            assert_eq!(refusal(&file[..file.len() * tenth / 10]), FindingCode::Truncated, "{tenth} tenths");
        }
        assert_eq!(refusal(&file[..file.len() - 1]), FindingCode::Truncated);
    }
}

#[test]
fn damage_in_the_middle_is_noticed() {
    let picture = photo(320, 200);
    let mut png = picture.png();
    let middle = png.len() / 2;
    png[middle] ^= 0x10;
    assert_eq!(refusal(&png), FindingCode::Undecodable);

    let mut jpeg = picture.jpeg();
    let middle = jpeg.len() / 2;
    jpeg[middle..middle + 2].copy_from_slice(b"\xff\xc4");
    assert_eq!(refusal(&jpeg), FindingCode::Undecodable);
}

#[test]
fn an_image_that_claims_too_much_is_refused_by_its_header() {
    let huge = Png::new(60_000, 60_000, 8, 2).chunk(b"IDAT", b"").unfinished();
    assert_eq!(refusal(&huge), FindingCode::TooManyPixels);

    let small = Limits { pixels: 320 * 200 - 1, ..Limits::default() };
    assert_eq!(outcome_of(&photo(320, 200).jpeg(), &small).unwrap_err().finding, FindingCode::TooManyPixels);

    let short = Limits { file_bytes: 10_000, ..Limits::default() };
    assert_eq!(outcome_of(&photo(320, 200).png(), &short).unwrap_err().finding, FindingCode::TooLarge);
}

#[test]
fn memory_is_reckoned_before_it_is_taken_and_more_for_progressive_images() {
    let picture = photo(1000, 800);
    let full_colour = |encoder: &mut Encoder<&mut Vec<u8>>| encoder.set_sampling_factor(SamplingFactor::F_1_1);
    let baseline = picture.jpeg_with(full_colour);
    let progressive = picture.jpeg_with(|encoder| {
        full_colour(encoder);
        encoder.set_progressive(true);
    });
    // 16 MiB for measuring, 2.4 MB for the pixels, 4.8 MB for the coefficients.
    let limits = Limits { memory_bytes: (16 << 20) + 4_000_000, ..Limits::default() };
    assert!(outcome_of(&baseline, &limits).is_ok());
    assert_eq!(outcome_of(&progressive, &limits).unwrap_err().finding, FindingCode::OutOfMemory);
}

#[test]
fn a_thumbnail_is_at_most_320_px_and_never_enlarged() {
    let sizes = [((1000, 800), (320, 256)), ((300, 1200), (80, 320)), ((200, 100), (200, 100)), ((3000, 1), (320, 1))];
    for ((width, height), expected) in sizes {
        let thumbnail = analysis(&photo(width, height).png()).thumbnail.unwrap();
        assert_eq!((thumbnail.width_px, thumbnail.height_px), expected);
        let reread = measures(&thumbnail.jpeg);
        assert_eq!((reread.width_px, reread.height_px), expected);
        assert!(expected.0.max(expected.1) <= THUMBNAIL_SIDE_PX);
    }
}

#[test]
fn what_is_wrong_with_a_picture_is_found() {
    let sharp = photo(800, 600);
    assert_eq!(analysis(&sharp.jpeg()).findings, []);

    let uniform = |level: u8| Picture { width: 800, height: 600, rgb: vec![level; 800 * 600 * 3] };
    let black = [FindingCode::TooDark, FindingCode::LowContrast, FindingCode::ClippedShadows];
    assert_eq!(analysis(&uniform(0).png()).findings, black);
    let white = [FindingCode::TooBright, FindingCode::LowContrast, FindingCode::ClippedHighlights];
    assert_eq!(analysis(&uniform(255).png()).findings, white);

    // A slope from black to white holds no detail.
    let slope = (0..600).flat_map(|_| (0..800).flat_map(|x| [(x * 255 / 800) as u8; 3])).collect();
    let slope = Picture { width: 800, height: 600, rgb: slope };
    assert_eq!(analysis(&slope.png()).findings, [FindingCode::Blurred]);
    assert_eq!(analysis(&photo(499, 400).png()).findings, [FindingCode::LowResolution]);
    assert_eq!(analysis(&photo(512, 512).png()).findings, []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn integer_measures_are_those_of_floating_point(
        (width, height, data) in (3_u32..24, 3_u32..24).prop_flat_map(|(width, height)| {
            let size = (width * height) as usize;
            (Just(width), Just(height), proptest::collection::vec(any::<u8>(), size))
        })
    ) {
        let levels: Vec<f64> = data.iter().map(|level| f64::from(*level)).collect();
        let found = Luminance::of(&Pixels { width, height, channels: Channels::Grey, data });
        let (mean, variance) = mean_and_variance(&levels);
        prop_assert!((f64::from(found.mean_milli()) - mean * 1000.0).abs() <= 0.51);
        prop_assert!((f64::from(found.deviation_milli()) - variance.sqrt() * 1000.0).abs() <= 1.01);

        let at = |x: u32, y: u32| levels[(y * width + x) as usize];
        let laplacian: Vec<f64> = (1..height - 1)
            .flat_map(|y| (1..width - 1).map(move |x| (x, y)))
            .map(|(x, y)| 4.0 * at(x, y) - at(x - 1, y) - at(x + 1, y) - at(x, y - 1) - at(x, y + 1))
            .collect();
        let sharpness = mean_and_variance(&laplacian).1 * 1000.0;
        prop_assert!((f64::from(found.reduced.laplacian_variance_milli()) - sharpness).abs() <= 0.51);
    }

    #[test]
    fn damaged_images_never_panic(at in 0_usize..20_000, byte in any::<u8>(), progressive in any::<bool>()) {
        let picture = photo(64, 48);
        let mut file = if progressive { picture.jpeg_with(|encoder| encoder.set_progressive(true)) } else { picture.png() };
        let at = at % file.len();
        file[at] = byte;
        if let Err(unreadable) = super::outcome(&file) {
            prop_assert_ne!(unreadable.finding, FindingCode::DecoderPanicked, "{}", unreadable.detail);
        }
    }
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64)
}

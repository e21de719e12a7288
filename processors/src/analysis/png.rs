//! PNG: its header, then the pixels.

use std::io::{self, Cursor};

use domain::findings::FindingCode;
use domain::measures::ImageFormat;
use png::{ColorType, Decoder, DecodingError, Transformations};

use crate::analysis::image::{self, Channels, MEASURING_BYTES, Pixels};
use crate::analysis::orientation::Orientation;
use crate::analysis::{Analysis, Deadline, Limits, Stop, admit_image};

pub(super) fn analyse(bytes: &[u8], limits: &Limits, deadline: Deadline<'_>) -> Result<Analysis, Stop> {
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Palettes become colours, 16 bits the upper 8, and transparency of any kind an alpha channel.
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let header = decoder.read_header_info().map_err(|error| refused(&error))?;
    let (width, height) = (u64::from(header.width), u64::from(header.height));
    // A palette or a transparent colour may still make it four bytes a pixel.
    admit_image(width, height, bytes.len() as u64 + width * height * 4 + MEASURING_BYTES, limits)?;

    let mut reader = decoder.read_info().map_err(|error| refused(&error))?;
    let size = reader.output_buffer_size().ok_or_else(|| Stop::found(FindingCode::TooManyPixels, "no such buffer"))?;
    let mut data = vec![0; size];
    let frame = reader.next_frame(&mut data).map_err(|error| refused(&error))?;
    data.truncate(frame.buffer_size());
    deadline.check()?;
    // To the end mark, so that a missing end is noticed.
    reader.finish().map_err(|error| refused(&error))?;

    let orientation = reader.info().exif_metadata.as_deref().map_or(Orientation::UPRIGHT, Orientation::from_exif);
    let channels = lay_over_white(&mut data, frame.color_type);
    let pixels = Pixels { width: frame.width, height: frame.height, channels, data };
    image::examine(&pixels, ImageFormat::Png, orientation, deadline)
}

/// Drops the alpha channel, in place.
fn lay_over_white(data: &mut Vec<u8>, colours: ColorType) -> Channels {
    let (channels, has_alpha) = match colours {
        ColorType::Grayscale => (Channels::Grey, false),
        ColorType::GrayscaleAlpha => (Channels::Grey, true),
        ColorType::Rgb | ColorType::Indexed => (Channels::Rgb, false),
        ColorType::Rgba => (Channels::Rgb, true),
    };
    if has_alpha {
        let count = channels.count();
        let pixels = data.len() / (count + 1);
        for pixel in 0..pixels {
            let from = pixel * (count + 1);
            let alpha = u32::from(data[from + count]);
            for channel in 0..count {
                let value = u32::from(data[from + channel]) * alpha + 255 * (255 - alpha);
                data[pixel * count + channel] = ((value + 127) / 255) as u8;
            }
        }
        data.truncate(pixels * count);
    }
    channels
}

fn refused(error: &DecodingError) -> Stop {
    let finding = match error {
        DecodingError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => FindingCode::Truncated,
        DecodingError::LimitsExceeded => FindingCode::OutOfMemory,
        DecodingError::IoError(_) | DecodingError::Format(_) | DecodingError::Parameter(_) => FindingCode::Undecodable,
    };
    Stop::found(finding, error.to_string())
}

//! The two bodies: plain text, and HTML that needs no picture, no remote file and no fixed colour.

use super::{Enclosure, MailContent};
use crate::wording::mail as words;

/// The plain text.
pub(super) fn plain(content: &MailContent, enclosure: &Enclosure<'_>, unsubscribe: &str) -> String {
    let mut text = format!("{}: {}\n", content.trial_id, content.headline);
    text.push_str(&format!("{}\n{}\n{}\n\n", content.trial_title, content.period_days, content.period_exact));
    for note in notes(content) {
        text.push_str(&format!("{note}\n\n"));
    }
    let figures = words::figures(content);
    let widest = figures.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    for (label, figure) in figures {
        text.push_str(&format!("{label:<widest$}  {figure}\n"));
    }
    let (sentence, link) = how(content, enclosure);
    text.push_str(&format!("\n{sentence}\n"));
    if let Some(link) = link {
        text.push_str(&format!("{link}\n"));
    }
    text.push_str(&format!("\n-- \n{}\n{}: {unsubscribe}\n", words::why(&content.trial_id), words::UNSUBSCRIBE));
    text
}

/// The HTML: colours come from the reader's own theme, light or dark.
pub(super) fn html(content: &MailContent, enclosure: &Enclosure<'_>, unsubscribe: &str) -> String {
    const CELL: &str = "padding:4px 0;border-bottom:1px solid #888;font-variant-numeric:tabular-nums";
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n</head>\n\
         <body style=\"margin:0;padding:24px;font:16px/1.5 sans-serif\">\n\
         <div style=\"max-width:560px;margin:0 auto\">\n",
        escape(&content.language),
        escape(&words::subject(content)),
    );
    html.push_str(&format!(
        "<h1 style=\"margin:0 0 8px;font-size:22px;line-height:1.3\">{}</h1>\n<p style=\"margin:0\">{} · {}</p>\n\
         <p style=\"margin:0\"><strong>{}</strong></p>\n<p style=\"margin:0 0 16px;font-size:14px\">{}</p>\n",
        escape(&content.headline),
        escape(&content.trial_id),
        escape(&content.trial_title),
        escape(&content.period_days),
        escape(&content.period_exact),
    ));
    for note in notes(content) {
        html.push_str(&format!("<p style=\"margin:0 0 16px\"><strong>{}</strong></p>\n", escape(note)));
    }
    html.push_str(&format!(
        "<table style=\"width:100%;border-collapse:collapse;margin:0 0 16px\">\n\
         <caption style=\"text-align:left;font-size:14px\">{}</caption>\n",
        words::FIGURES
    ));
    for (label, figure) in words::figures(content) {
        html.push_str(&format!(
            "<tr><th scope=\"row\" style=\"{CELL};text-align:left;font-weight:normal\">{label}</th>\
             <td style=\"{CELL};text-align:right\"><strong>{}</strong></td></tr>\n",
            escape(&figure)
        ));
    }
    html.push_str("</table>\n");
    let (sentence, link) = how(content, enclosure);
    html.push_str(&format!("<p style=\"margin:0 0 16px\">{}", escape(&sentence)));
    if let Some(link) = link {
        html.push_str(&format!(" <a href=\"{}\">{}</a>", escape(link), words::OPEN_REPORT));
    }
    html.push_str(&format!(
        "</p>\n<hr style=\"border:0;border-top:1px solid #888\">\n<p style=\"font-size:14px\">{} <a href=\"{}\">{}</a>\
         </p>\n</div>\n</body>\n</html>\n",
        escape(&words::why(&content.trial_id)),
        escape(unsubscribe),
        words::UNSUBSCRIBE
    ));
    html
}

fn notes(content: &MailContent) -> impl Iterator<Item = &'static str> {
    let incomplete = (!content.complete).then_some(words::INCOMPLETE);
    let so_far = content.so_far.then_some(words::SO_FAR);
    incomplete.into_iter().chain(so_far)
}

/// How the report comes along, and where to.
fn how<'a>(content: &MailContent, enclosure: &'a Enclosure<'_>) -> (String, Option<&'a str>) {
    match enclosure {
        Enclosure::Attached(attachment) => (words::attached(&content.file_name(), attachment.size_bytes()), None),
        Enclosure::TooLarge { link, encoded_bytes, limit_bytes } => {
            (words::too_large(*encoded_bytes, *limit_bytes), Some(link))
        }
        Enclosure::LinkOnly { link } => (words::LINK_ONLY.to_owned(), Some(link)),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

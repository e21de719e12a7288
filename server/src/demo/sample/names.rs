//! File names as people give them.

use jiff::civil::Date;

use super::Recipe;
use super::dice::Dice;
use super::photo::Scene;
use super::places::Site;
use super::scan::Form;

/// A plausible name for a document; a few numbers get one that tests whoever prints, stores or downloads it.
pub fn filename(recipe: Recipe, number: usize, site: &Site, date: Date, dice: &mut Dice) -> String {
    let extension = recipe.extension();
    match number {
        23 => return format!("../../../site/{}/Aufnahme.{extension}", site.code),
        35 => return format!("Shelf \"B\" – 'clean' side & back.{extension}"),
        47 => return format!("<script>alert('visit 3')</script>.{extension}"),
        58 => return format!("Befund \u{200f}\u{202e}gpj.{extension}"),
        76 => {
            let mut name = format!("{} {} ", site.code, title(recipe, site.language));
            let filler = "continued from the previous page with all annexes and the corrections asked for ";
            name.extend(filler.chars().cycle().take(299 - extension.len() - name.chars().count()));
            return format!("{name}.{extension}");
        }
        103 => return format!(" {} ❤️ final FINAL (2) .{extension}", title(recipe, site.language)),
        _ => {}
    }
    let photograph = matches!(recipe, Recipe::Photograph(..) | Recipe::CopyOf(_) | Recipe::Truncated | Recipe::Empty);
    let day = date.strftime("%Y%m%d").to_string();
    let title = title(recipe, site.language);
    match dice.whole(0, 9) {
        0..=1 if photograph => {
            let (hour, minute, second) = (dice.whole(7, 18), dice.whole(0, 59), dice.whole(0, 59));
            format!("IMG_{day}_{hour:02}{minute:02}{second:02}.{extension}")
        }
        2 if photograph => format!("DSC_{:04}.{}", dice.whole(12, 4999), extension.to_uppercase()),
        0..=4 => format!("{}_{}_{day}_v{}.{extension}", site.code, title.replace(' ', "-"), dice.whole(1, 4)),
        5..=6 => format!("{title} {} {date}.{extension}", site.city),
        7 => format!("{title} ({}).{extension}", dice.whole(1, 9)),
        8 => format!("{date} {title} – {}.{extension}", site.city),
        _ => format!("{title} {:02}.{extension}", dice.whole(1, 40)),
    }
}

/// What the document is called in a language; English where we have no word.
fn title(recipe: Recipe, language: &str) -> &'static str {
    let [english, german, french, spanish] = match recipe {
        Recipe::Photograph(Scene::Shelf, ..) => {
            ["Storage shelf", "Lagerregal Prüfprodukte", "Étagère de stockage", "Estantería del almacén"]
        }
        Recipe::Photograph(Scene::Vials, ..) => {
            ["Vials visit 3", "Fläschchen Prüfpräparat", "Flacons à l'étude", "Viales del estudio"]
        }
        Recipe::Photograph(Scene::Monitor, ..) => {
            ["Bedside monitor", "Überwachungsmonitor", "Moniteur salle 2", "Monitor de cabecera"]
        }
        Recipe::Photograph(Scene::Refrigerator, ..) => {
            ["Refrigerator room 2.14", "Kühlschrank Studienmedikation", "Réfrigérateur n° 3", "Frigorífico de farmacia"]
        }
        Recipe::Photograph(Scene::Ward, ..) => [
            "Ward room after cleaning",
            "Patientenzimmer Station 4",
            "Chambre d'hospitalisation",
            "Habitación de planta",
        ],
        Recipe::Photograph(Scene::Rack, ..) => {
            ["Sample rack", "Probenständer Zentrallabor", "Portoir échantillons", "Gradilla de muestras"]
        }
        Recipe::Photograph(Scene::Device, ..) => {
            ["Explanted device", "Gerätefoto Rücksendung", "Dispositif après explantation", "Dispositivo explantado"]
        }
        Recipe::Photograph(Scene::Panel, ..) => {
            ["Instrument panel", "Gerätefront Prüfung", "Panneau de l'appareil", "Panel del equipo"]
        }
        Recipe::Photograph(Scene::Corridor, ..) => {
            ["Corridor to cath lab", "Flur Herzkatheter", "Couloir bloc", "Pasillo de hemodinámica"]
        }
        Recipe::Photograph(Scene::Carton, ..) => {
            ["Device label", "Etikett Gerät", "Étiquette du dispositif", "Etiqueta del dispositivo"]
        }
        Recipe::CopyOf(_) | Recipe::Truncated | Recipe::Empty => {
            ["Photo copy", "Foto Kopie", "Photo copie", "Foto copia"]
        }
        Recipe::TextAsJpeg => ["Photo of note", "Foto Notiz", "Photo de la note", "Foto de la nota"],
        Recipe::Scan(Form::Consent, _) => [
            "Consent form signed",
            "Einwilligungserklärung unterschrieben",
            "Consentement signé",
            "Consentimiento informado",
        ],
        Recipe::Scan(Form::Delegation, _) => {
            ["Delegation log", "Delegationsliste", "Délégation des tâches", "Registro de delegación"]
        }
        Recipe::Scan(Form::Temperatures, _) => {
            ["Temperature log", "Temperaturprotokoll", "Relevé de température", "Registro de temperatura"]
        }
        Recipe::Scan(Form::Letter, _) | Recipe::HugeClaim => {
            ["Ethics letter", "Votum Ethikkommission", "Avis du comité d'éthique", "Dictamen del comité ético"]
        }
        Recipe::Scan(Form::AdverseEvent, _) => {
            ["Adverse event form", "Meldung unerwünschtes Ereignis", "Événement indésirable", "Acontecimiento adverso"]
        }
        Recipe::Ecg => ["ECG 12 leads", "EKG Ruhe", "ECG repos", "ECG reposo"],
        Recipe::Chart => {
            ["Chart enrolment", "Diagramm Rekrutierung", "Graphique inclusions", "Gráfico de reclutamiento"]
        }
        Recipe::Angiogram => ["Angiogram LCA", "Angiographie LCA", "Coronarographie", "Coronariografía"],
        Recipe::Echocardiogram => ["Echo 4 chamber", "Echo Vierkammerblick", "Écho 4 cavités", "Eco cuatro cámaras"],
        Recipe::Lab(_) | Recipe::LongLine => {
            ["Lab values", "Laborwerte", "Résultats de laboratoire", "Valores de laboratorio"]
        }
        Recipe::Temperatures(_) => {
            ["Logger export", "Logger Auslesung Kühlschrank", "Export enregistreur", "Exportación del registrador"]
        }
        Recipe::Note => ["Monitoring visit note", "Monitoring Bericht", "Note de visite", "Nota de monitorización"],
        Recipe::Pdf => ["Shipping record", "Lieferschein", "Bordereau d'envoi", "Albarán de envío"],
        Recipe::Zip | Recipe::Random => {
            ["Programmer export", "Export Programmiergerät", "Export programmateur", "Exportación"]
        }
    };
    match language {
        "de" => german,
        "fr" => french,
        "es" => spanish,
        _ => english,
    }
}

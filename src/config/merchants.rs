//! Reads `[merchant.NUMBER]`: which apps are paid through which merchant of WeChat Pay.

use super::access::known_app;
use super::place::Placed;
use super::section::Section;
use crate::domain::app::AppSlug;
use crate::domain::bill::MerchantId;

/// A merchant whose bills can be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantConfig {
    pub id: MerchantId,
    /// The apps whose orders are paid to it.
    pub apps: Vec<AppSlug>,
}

pub fn read(root: &mut Section<'_>, slugs: &[AppSlug]) -> Vec<MerchantConfig> {
    let problems = root.problems();
    let mut merchants = Vec::new();
    let mut assigned: Vec<(AppSlug, Placed<String>)> = Vec::new();
    for (number, mut section) in root.named_sections("merchant") {
        let id = MerchantId::parse(number).ok();
        if id.is_none() {
            section.report("a merchant's name must be its number at WeChat Pay, such as 1900000109");
        }
        let mut apps = Vec::new();
        for text in section.texts("apps") {
            let Some(app) = known_app(&text, slugs, problems) else { continue };
            match assigned.iter().find(|(other, _)| *other == app) {
                Some((_, other)) => {
                    let message =
                        format!("{app} stands under {} too: an app is paid to one merchant", other.key);
                    text.report(problems, message);
                }
                None => {
                    assigned.push((app.clone(), text));
                    apps.push(app);
                }
            }
        }
        section.finish();
        merchants.extend(id.map(|id| MerchantConfig { id, apps }));
    }
    merchants
}

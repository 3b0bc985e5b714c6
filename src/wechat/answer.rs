//! What WeChat is told, in the format it asked in.

use quick_xml::escape::escape;
use serde_json::json;

use super::Format;
use crate::domain::role::{PlayedRole, Zone};
use crate::limits;

/// The error codes of a failure. WeChat only tells zero from the rest; people read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    Success,
    /// Not parseable as the protocol says.
    Unparseable,
    /// A signature is missing or does not verify.
    BadSignature,
    /// Signed with the key of the other environment.
    OtherEnvironmentKey,
    /// No app of this name.
    UnknownApp,
    /// The body did not come in time.
    Slow,
    /// The number is taken by a different content.
    Conflict,
    /// Larger than allowed.
    TooLarge,
    /// Authentic and unusable: in quarantine.
    Unusable,
    /// The app's daily quota is used up.
    OverQuota,
    /// The store is full, slow or away.
    StoreUnavailable,
    /// Whoever knows the player's roles does not answer.
    RolesUnavailable,
}

impl Code {
    pub const ALL: [Self; 12] = [
        Self::Success,
        Self::Unparseable,
        Self::BadSignature,
        Self::OtherEnvironmentKey,
        Self::UnknownApp,
        Self::Slow,
        Self::Conflict,
        Self::TooLarge,
        Self::Unusable,
        Self::OverQuota,
        Self::StoreUnavailable,
        Self::RolesUnavailable,
    ];

    pub fn number(self) -> u32 {
        match self {
            Self::Success => 0,
            Self::Unparseable => 40001,
            Self::BadSignature => 40101,
            Self::OtherEnvironmentKey => 40301,
            Self::UnknownApp => 40401,
            Self::Slow => 40801,
            Self::Conflict => 40901,
            Self::TooLarge => 41301,
            Self::Unusable => 42201,
            Self::OverQuota => 42901,
            Self::StoreUnavailable => 50301,
            Self::RolesUnavailable => 50302,
        }
    }

    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }
}

/// An answer to one push. Two equal answers are equal bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub code: Code,
    message: String,
    /// Set where the answer is a role list.
    roles: Option<Vec<PlayedRole>>,
}

impl Answer {
    pub fn success() -> Self {
        Self { code: Code::Success, message: "Success".into(), roles: None }
    }

    pub fn failure(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), roles: None }
    }

    /// A role list, as many of the roles as were asked for, in the order given: most recently played first.
    pub fn roles(mut roles: Vec<PlayedRole>, need_role_num: u32) -> Self {
        let at_most = need_role_num.min(limits::ROLES_IN_ANSWER_MAX);
        roles.truncate(usize::try_from(at_most).unwrap_or(0));
        Self { roles: Some(roles), ..Self::success() }
    }

    /// A role list without roles.
    pub fn no_roles() -> Self {
        Self::roles(Vec::new(), 0)
    }

    pub fn render(&self, format: Format) -> String {
        let number = self.code.number();
        match (format, &self.roles) {
            (Format::Xml, roles) => format!(
                "<xml><ErrCode>{number}</ErrCode><ErrMsg>{}</ErrMsg>{}</xml>",
                escape(self.message.as_str()),
                roles.iter().flatten().map(role_in_xml).collect::<String>()
            ),
            (Format::Json, None) => format!(r#"{{"ErrCode":{number},"ErrMsg":{}}}"#, json!(self.message)),
            (Format::Json, Some(roles)) => {
                let message = json!(self.message);
                let list: Vec<String> = roles.iter().map(role_in_json).collect();
                let list = list.join(",");
                format!(r#"{{"ErrCode":{number},"ErrMsg":{message},"RecentPlayedRoleList":[{list}]}}"#)
            }
        }
    }
}

/// Every text as a JSON string; the order of the fields is the documented one.
fn role_in_json(role: &PlayedRole) -> String {
    let zone = |zone: &Zone| {
        format!(r#"{{"ZoneId":{},"ZoneName":{}}}"#, json!(zone.zone_id()), json!(zone.zone_name()))
    };
    let zones: Vec<String> = role.zones().iter().map(zone).collect();
    format!(
        r#"{{"RoleId":{},"RoleName":{},"ZoneInfoList":[{}],"PayParam":{{"MidasZoneId":{},"Attach":{}}}}}"#,
        json!(role.role_id()),
        json!(role.role_name()),
        zones.join(","),
        json!(role.midas_zone_id()),
        json!(role.attach().unwrap_or_default())
    )
}

/// Each role and each zone is an element of its own, so no roles are no elements.
fn role_in_xml(role: &PlayedRole) -> String {
    let zone = |zone: &Zone| {
        format!(
            "<ZoneInfoList><ZoneId>{}</ZoneId><ZoneName>{}</ZoneName></ZoneInfoList>",
            escape(zone.zone_id()),
            escape(zone.zone_name())
        )
    };
    format!(
        "<RecentPlayedRoleList><RoleId>{}</RoleId><RoleName>{}</RoleName>{}<PayParam><MidasZoneId>{}\
         </MidasZoneId><Attach>{}</Attach></PayParam></RecentPlayedRoleList>",
        escape(role.role_id()),
        escape(role.role_name()),
        role.zones().iter().map(zone).collect::<String>(),
        escape(role.midas_zone_id()),
        escape(role.attach().unwrap_or_default())
    )
}

/// An encrypted answer: what `Encrypt`, signed, becomes in the format of the request.
pub fn render_encrypted(
    format: Format,
    encrypted: &str,
    msg_signature: &str,
    timestamp: i64,
    nonce: &str,
) -> String {
    match format {
        Format::Json => format!(
            r#"{{"Encrypt":{},"MsgSignature":{},"TimeStamp":{timestamp},"Nonce":{}}}"#,
            json!(encrypted),
            json!(msg_signature),
            json!(nonce)
        ),
        Format::Xml => format!(
            "<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature>{msg_signature}</MsgSignature>\
             <TimeStamp>{timestamp}</TimeStamp><Nonce>{}</Nonce></xml>",
            escape(nonce)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::role::RoleFields;
    use crate::domain::samples;

    #[test]
    fn answers_are_as_documented() {
        let failure = Answer::failure(Code::Unusable, r#"GoodsInfo.Attach: "<&>""#);
        for (answer, format, text) in [
            (Answer::success(), Format::Json, r#"{"ErrCode":0,"ErrMsg":"Success"}"#),
            (Answer::success(), Format::Xml, "<xml><ErrCode>0</ErrCode><ErrMsg>Success</ErrMsg></xml>"),
            (
                Answer::no_roles(),
                Format::Json,
                r#"{"ErrCode":0,"ErrMsg":"Success","RecentPlayedRoleList":[]}"#,
            ),
            (Answer::no_roles(), Format::Xml, "<xml><ErrCode>0</ErrCode><ErrMsg>Success</ErrMsg></xml>"),
            (failure.clone(), Format::Json, r#"{"ErrCode":42201,"ErrMsg":"GoodsInfo.Attach: \"<&>\""}"#),
            (
                failure,
                Format::Xml,
                "<xml><ErrCode>42201</ErrCode><ErrMsg>GoodsInfo.Attach: &quot;&lt;&amp;&gt;&quot;</ErrMsg></xml>",
            ),
        ] {
            assert_eq!(answer.render(format), text);
        }
    }

    fn role(change: impl FnOnce(&mut RoleFields)) -> PlayedRole {
        let mut fields = samples::role_fields();
        change(&mut fields);
        PlayedRole::new(fields).unwrap()
    }

    #[test]
    fn a_role_list_is_as_documented_with_its_zones_level_by_level() {
        let bare = role(|role| {
            (role.role_id, role.role_name) = ("2".into(), r#"</xml>]]>&"'\"#.into());
            (role.zones, role.attach) = (vec![], None);
        });
        let answer = Answer::roles(vec![samples::role(), bare], 10);
        let json = concat!(
            r#"{"ErrCode":0,"ErrMsg":"Success","RecentPlayedRoleList":["#,
            r#"{"RoleId":"10001","RoleName":"剑客 <一>","ZoneInfoList":["#,
            r#"{"ZoneId":"1","ZoneName":"华东大区"},{"ZoneId":"1-2","ZoneName":"二服"}],"#,
            r#""PayParam":{"MidasZoneId":"1","Attach":"srv=2&v=1"}},"#,
            r#"{"RoleId":"2","RoleName":"</xml>]]>&\"'\\","ZoneInfoList":[],"#,
            r#""PayParam":{"MidasZoneId":"1","Attach":""}}]}"#,
        );
        let xml = concat!(
            "<xml><ErrCode>0</ErrCode><ErrMsg>Success</ErrMsg>",
            "<RecentPlayedRoleList><RoleId>10001</RoleId><RoleName>剑客 &lt;一&gt;</RoleName>",
            "<ZoneInfoList><ZoneId>1</ZoneId><ZoneName>华东大区</ZoneName></ZoneInfoList>",
            "<ZoneInfoList><ZoneId>1-2</ZoneId><ZoneName>二服</ZoneName></ZoneInfoList>",
            "<PayParam><MidasZoneId>1</MidasZoneId><Attach>srv=2&amp;v=1</Attach></PayParam>",
            "</RecentPlayedRoleList>",
            "<RecentPlayedRoleList><RoleId>2</RoleId>",
            "<RoleName>&lt;/xml&gt;]]&gt;&amp;&quot;&apos;\\</RoleName>",
            "<PayParam><MidasZoneId>1</MidasZoneId><Attach></Attach></PayParam></RecentPlayedRoleList></xml>",
        );
        assert_eq!(answer.render(Format::Json), json);
        assert_eq!(answer.render(Format::Xml), xml);
        assert!(serde_json::from_str::<serde_json::Value>(json).is_ok());
    }

    #[test]
    fn no_more_roles_are_told_than_were_asked_for_and_never_more_than_twenty() {
        for (known, need, told) in [(0, 10, 0), (3, 10, 3), (3, 2, 2), (30, 20, 20), (30, 21, 20), (3, 0, 0)]
        {
            let roles = (0..known).map(|id| role(|role| role.role_id = format!("id-{id}"))).collect();
            let answer = Answer::roles(roles, need).render(Format::Json);
            let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
            let list = answer["RecentPlayedRoleList"].as_array().unwrap();
            assert_eq!(list.len(), told, "{need} of {known}");
            let in_order = list.iter().enumerate().all(|(id, role)| role["RoleId"] == format!("id-{id}"));
            assert!(in_order, "{answer}");
        }
    }

    #[test]
    fn every_code_is_found_by_its_number() {
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(code));
        }
    }
}

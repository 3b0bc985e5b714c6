//! Every problem: where it is, and what is said of it.

use super::*;

const HASH: &str = "00000000000000000000000000000000000000000000000000000000000000ff";
const A43: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn a_wrong_app_is_told_with_its_line() {
    for (line, expected) in [
        (r#"app_id = "wx 12""#, "3: app.demo.app_id: must be visible ASCII characters without blanks"),
        (r#"app_id = """#, "3: app.demo.app_id: must be visible ASCII characters without blanks"),
        (r#"app_id = "FILL-IN""#, "3: app.demo.app_id: fill in the AppID from WeChat's console"),
        ("app_id = 12", "3: app.demo.app_id: must be a text in quotes, not a number"),
        (
            r#"original_id = "gh 1""#,
            "6: app.demo.original_id: must be visible ASCII characters without blanks",
        ),
        (r#"mode = "secure""#, r#"6: app.demo.mode: must be plain, compatible or security"#),
        (
            r#"mode = "security""#,
            "6: app.demo.mode: mode security needs an active EncodingAESKey in encoding_aes_keys",
        ),
        (
            r#"mode = "compatible""#,
            "6: app.demo.mode: mode compatible needs an active EncodingAESKey in encoding_aes_keys",
        ),
        (
            r#"reply = "encrypted""#,
            "6: app.demo.reply: encrypted replies need an active EncodingAESKey in encoding_aes_keys",
        ),
        (r#"actual_price_is = "each""#, r#"6: app.demo.actual_price_is: must be order or unit"#),
        (r#"roles = "game""#, r#"6: app.demo.roles: must be "ledger" or { url = "https://…", token = "…" }"#),
        ("roles = 1", "6: app.demo.roles: must be a text in quotes, not a number"),
        ("roles = {}", r#"6: app.demo.roles: must have a url, the game's server: { url = "https://…" }"#),
        (
            r#"roles = { url = "game.example.com" }"#,
            "6: app.demo.roles.url: must be a URL such as https://game.example.com/roles, not \"game.example.com\"",
        ),
        (
            r#"roles = { url = "http://:80" }"#,
            "6: app.demo.roles.url: must be a URL such as https://game.example.com/roles, not \"http://:80\"",
        ),
        (
            r#"roles = { url = "https://me:secret@game.example.com" }"#,
            "6: app.demo.roles.url: must be a URL such as https://game.example.com/roles, not …",
        ),
        (
            r#"roles = { url = "https://game.example.com", token = "to ken" }"#,
            "6: app.demo.roles.token: must be visible ASCII characters without blanks",
        ),
        (
            r#"roles = { url = "https://game.example.com", token = "t", token_file = "t" }"#,
            "6: app.demo.roles: has token and token_file; keep one of them",
        ),
        (
            r#"roles = { url = "https://game.example.com", tokens = "t" }"#,
            "6: app.demo.roles.tokens: unknown key; the keys here are url, token, token_file",
        ),
        (
            "moode = 1",
            "6: app.demo.moode: unknown key; the keys here are app_id, original_id, mode, reply, tokens, \
             encoding_aes_keys, actual_price_is, production_keys, sandbox_keys, roles, channel",
        ),
        (
            "channel.gifts = {}",
            "6: app.demo.channel.gifts: unknown key; the keys here are goods, events, general",
        ),
        (
            r#"channel.goods.mode = "security""#,
            "6: app.demo.channel.goods.mode: mode security needs an active EncodingAESKey in encoding_aes_keys",
        ),
        (
            "channel.goods.tokens = []",
            "6: app.demo.channel.goods.tokens: there must be at least one active Token",
        ),
    ] {
        assert_eq!(said_with(line), expected, "{line}");
    }
}

#[test]
fn a_wrong_key_is_told_with_its_line_and_without_its_value() {
    for (line, expected) in [
        ("tokens = []", "4: app.demo.tokens: there must be at least one active Token"),
        (
            r#"tokens = [{ value = "Retired", state = "accepted" }]"#,
            "4: app.demo.tokens: there must be at least one active Token",
        ),
        (
            r#"tokens = [{ value = "ab" }]"#,
            "4: app.demo.tokens[0].value: a Token has 3 to 32 ASCII letters and digits, this one does not",
        ),
        (
            r#"tokens = [{ value = "to-ken" }]"#,
            "4: app.demo.tokens[0].value: a Token has 3 to 32 ASCII letters and digits, this one does not",
        ),
        (
            r#"tokens = [{ value = "Same" }, { value = "Other" }, { value = "Same", state = "retired" }]"#,
            "4: app.demo.tokens[2].value: the same value stands in app.demo.tokens[0].value; remove one",
        ),
        (r#"tokens = "Token""#, "4: app.demo.tokens: must be a list of { … }, not a text"),
        (r#"tokens = ["Token"]"#, "4: app.demo.tokens[0]: must be { … }, not a text"),
        ("tokens = [{}]", r#"4: app.demo.tokens[0]: must be { value = "…" } or { value_file = "path" }"#),
        (
            r#"tokens = [{ value = "Token", value_file = "token" }]"#,
            "4: app.demo.tokens[0]: has value and value_file; keep one of them",
        ),
        (
            r#"tokens = [{ value = "Token", state = "old" }]"#,
            r#"4: app.demo.tokens[0].state: must be active, accepted or retired"#,
        ),
        (
            r#"tokens = [{ value = "Token", since = 1 }]"#,
            "4: app.demo.tokens[0].since: unknown key; the keys here are value, value_file, state",
        ),
        (
            r#"encoding_aes_keys = [{ value = "short" }]"#,
            "6: app.demo.encoding_aes_keys[0].value: an EncodingAESKey has 43 characters, this one has 5; \
             copy it from WeChat's console",
        ),
        (
            r#"encoding_aes_keys = [{ value = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-" }]"#,
            "6: app.demo.encoding_aes_keys[0].value: an EncodingAESKey consists of the characters \
             A-Z a-z 0-9 + /, this one does not; copy it from WeChat's console",
        ),
        (r#"production_keys = [{ value = "" }]"#, "5: app.demo.production_keys[0].value: is empty"),
        (
            r#"production_keys = [{ value = "key " }]"#,
            "5: app.demo.production_keys[0].value: the AppKey holds a blank or a character that is not ASCII; \
             copy it again from WeChat's console",
        ),
        (
            r#"production_keys = [{ value = "FILL-IN" }]"#,
            "5: app.demo.production_keys: fill in the AppKey from WeChat's console",
        ),
        (
            r#"production_keys = [{ value = "key", state = "retired" }]"#,
            "5: app.demo.production_keys: there must be at least one active AppKey, in production_keys or \
             sandbox_keys",
        ),
        (
            r#"sandbox_keys = [{ value = "other" }, { value = "production-key", state = "retired" }]"#,
            "6: app.demo.sandbox_keys[1].value: equal environment keys: app.demo.production_keys[0].value is \
             the same; WeChat gives each environment its own AppKey",
        ),
    ] {
        assert_eq!(said_with(line), expected, "{line}");
    }
}

#[test]
fn what_an_app_must_have_is_missed_at_its_section() {
    assert_eq!(
        said("\n[app.demo]\n"),
        "2: app.demo.app_id: is missing: the AppID from WeChat's console, wx…\n\
         2: app.demo.tokens: there must be at least one active Token\n\
         2: app.demo.production_keys: there must be at least one active AppKey, in production_keys or sandbox_keys"
    );
    assert_eq!(
        said(""),
        "1: app: there must be at least one app: a section [app.SLUG] (`order-ledger init` writes one)"
    );
}

#[test]
fn wrong_sections_are_told_with_their_lines() {
    for (added, expected) in [
        (
            "[push]\nlisten = \"8080\"",
            "8: push.listen: must be an address and a port such as 0.0.0.0:8080, not \"8080\"",
        ),
        (
            "[push]\npublic_url = \"pay.example.com\"",
            "8: push.public_url: must be a URL such as https://pay.example.com, not \"pay.example.com\"",
        ),
        (
            "[admin]\nlisten = \"127.0.0.1:8080\"",
            "8: admin.listen: push.listen takes 0.0.0.0:8080 already; give the admin listener another port",
        ),
        (
            "[push]\nlisten = \"127.0.0.1:8081\"",
            "1: admin.listen: push.listen takes 127.0.0.1:8081 already; give the admin listener another port",
        ),
        (
            "[store]\nkind = \"kurrentdb\"",
            "7: store: kind = \"kurrentdb\" needs url = \"kurrentdb://…\", or url_file = \"path\"",
        ),
        (
            "[store]\nkind = \"kurrentdb\"\nurl = \"kurrentdb://u:changeit@db?tls=no\"",
            "9: store.url: the option tls must be true or false",
        ),
        (
            "[store]\nkind = \"kurrentdb\"\nurl = \"kurrentdb://u:changeit@db?streamPrefix=a\"",
            "9: store.url: write the key store.prefix, and no streamPrefix in the URL",
        ),
        (
            "[store]\nkind = \"kurrentdb\"\nurl = \"kurrentdb://db\"\nprefix = \"a-\"",
            "10: store.prefix: must be letters, digits, _ and . only, 32 at most",
        ),
        ("[store]\nkind = \"files\"", "8: store.kind: must be sqlite or kurrentdb, not \"files\""),
        ("[store]\nurl = \"x\"", "8: store.url: unknown key; the keys here are kind, path"),
        ("[store]\npath = \"\"", "8: store.path: is empty: write a path"),
        (
            "[refused]\npath = \"data/events.db\"",
            "8: refused.path: is the path of the store; give the refused requests a file of their own",
        ),
        ("[limits]\nbody_bytes_max = 10", "8: limits.body_bytes_max: must be from 4096 to 262144"),
        ("[limits]\nconnections_max = 0", "8: limits.connections_max: must be from 16 to 65536"),
        ("[limits]\nappend_wait_ms = 3000", "8: limits.append_wait_ms: must be from 100 to 2500"),
        ("[limits]\nqueue_appends_max = -1", "8: limits.queue_appends_max: must be from 16 to 65536"),
        (
            "[limits]\nquarantine_bytes_per_day = 1",
            "8: limits.quarantine_bytes_per_day: must be from 1048576 to 68719476736",
        ),
        (
            "[limits]\nsandbox_bytes_per_day = 0.5",
            "8: limits.sandbox_bytes_per_day: must be a whole number, not a number with decimals",
        ),
        (
            "[limits]\nas_of_bytes_max = 1",
            "8: limits.as_of_bytes_max: must be from 1048576 to 70368744177664",
        ),
        (
            "[limits]\nas_of_free_bytes_min = 0",
            "8: limits.as_of_free_bytes_min: must be from 1048576 to 70368744177664",
        ),
        (
            "[app.De-mo]\napp_id = \"wx1\"\ntokens = [{ value = \"Token\" }]\nsandbox_keys = [{ value = \"k\" }]",
            "7: app.De-mo: an app's name must be 1 to 32 of the characters a-z and 0-9, not \"De-mo\"",
        ),
        (
            "[app.two]\napp_id = \"wx0123456789abcdef\"\ntokens = [{ value = \"Token\" }]\nsandbox_keys = [{ value = \"k\" }]",
            "8: app.two.app_id: is the AppID of app.demo.app_id too",
        ),
        (
            "[merchant.shop]\napps = [\"demo\"]",
            "7: merchant.shop: a merchant's name must be its number at WeChat Pay, such as 1900000109",
        ),
        (
            "[merchant.1900000109]\napps = [\"demo\", \"gone\"]",
            "8: merchant.1900000109.apps[1]: there is no app \"gone\": no section [app.SLUG] has this name",
        ),
        (
            "[merchant.19]\napps = [\"demo\"]\n[merchant.20]\napps = [\"demo\"]",
            "10: merchant.20.apps[0]: demo stands under merchant.19.apps[0] too: an app is paid to one merchant",
        ),
        (
            "[servers]\nx = 1",
            "7: servers: unknown key; the keys here are push, admin, store, refused, views, limits, app, merchant, access, bill_profile, seal",
        ),
        (
            "[views]\ndir = \"data/events.db\"",
            "8: views.dir: is the path of a file of the ledger; give the views a folder of their own",
        ),
        (
            "[views]\nprojections = \"data/views\"",
            "8: views.projections: is the folder of the views; keep your projections in another",
        ),
        ("[views]\nfolder = \"x\"", "8: views.folder: unknown key; the keys here are dir, projections"),
    ] {
        assert_eq!(said(&format!("{RIGHT}\n{added}")), expected, "{added}");
    }
}

#[test]
fn wrong_access_tokens_are_told_with_their_lines() {
    let role = "role = \"game\"";
    let hash = format!("token_sha256 = \"{HASH}\"");
    let not_a_hash =
        "must be 64 hex digits: the token's SHA-256 and not the token (`order-ledger token new` makes both)";
    for (added, expected) in [
        (format!("[access.Lin]\n{role}\n{hash}"), "7: access.Lin: a token's name must be 1 to 64 of the characters a-z, 0-9 and -".to_owned()),
        (format!("[access.lin]\n{hash}"), "7: access.lin.role: is missing: game, support, finance, audit or admin".to_owned()),
        (format!("[access.lin]\nrole = \"root\"\n{hash}"), "8: access.lin.role: must be game, support, finance, audit or admin".to_owned()),
        (format!("[access.lin]\n{role}"), "7: access.lin.token_sha256: is missing (`order-ledger token new` makes a token and its SHA-256)".to_owned()),
        (format!("[access.lin]\n{role}\ntoken_sha256 = \"olt_secret\""), format!("9: access.lin.token_sha256: {not_a_hash}")),
        (format!("[access.lin]\n{role}\n{hash}\napp = \"gone\""), "10: access.lin.app: there is no app \"gone\": no section [app.SLUG] has this name".to_owned()),
        (format!("[access.lin]\n{role}\n{hash}\nexpires = \"soon\""), "10: access.lin.expires: must be a day such as 2027-12-31 or a time such as 2027-12-31T18:00:00+08:00, not \"soon\"".to_owned()),
        (format!("[access.lin]\n{role}\n{hash}\n[access.wang]\n{role}\n{hash}"), "12: access.wang.token_sha256: is the same token as access.lin.token_sha256".to_owned()),
        (format!("[access.lin]\n{role}\n{hash}\nip = \"10.0.0.1\""), "10: access.lin.ip: unknown key; the keys here are role, token_sha256, app, expires".to_owned()),
    ] {
        assert_eq!(said(&format!("{RIGHT}\n{added}")), expected, "{added}");
    }
}

#[test]
fn all_problems_are_told_in_the_order_of_the_file() {
    let text = format!("[push]\nlisten = 1\n{RIGHT}\nmode = \"none\"\n[limits]\nwait = 1\n[access.x]\n");
    let lines: Vec<_> =
        said(&text).lines().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "2 push.listen",
            "9 app.demo.mode",
            "11 limits.wait",
            "12 access.x.role",
            "12 access.x.token_sha256"
        ]
    );
}

#[test]
fn what_is_no_toml_is_told_by_line_and_column_without_the_line_itself() {
    let text = "[app.demo]\nproduction_keys = [{ value = \"very-secret }]\n[admin]\nlisten = very-secret\n";
    let said = said(text);
    assert!(said.starts_with("2: column 45: no valid TOML: invalid basic string"), "{said}");
    assert!(!said.contains("very-secret"), "{said}");
}

#[test]
fn no_secret_is_shown_by_a_problem_or_by_debug_output() {
    let secrets = ["SecretToken", A43, "secret-production", "secret-sandbox"];
    let right = format!(
        "[app.demo]\napp_id = \"wx1\"\ntokens = [{{ value = \"SecretToken\" }}]\n\
         encoding_aes_keys = [{{ value = \"{A43}\" }}]\nproduction_keys = [{{ value = \"secret-production\" }}]\n\
         sandbox_keys = [{{ value = \"secret-sandbox\" }}]\n"
    );
    let mut shown = vec![format!("{:?}", read_text(&right).unwrap())];
    let wrong = [
        right.replace("SecretToken", "SecretToken!"),
        right.replace(A43, &format!("{A43}A")),
        right.replace("secret-production", "secret-production 1"),
        right.replace("secret-production", "secret-sandbox"),
        right.replace("[{", "").replace("}]", ""),
        right.replace("[{", "").replace("}]", "").replace("value = ", ""),
        right.replace("{ value = ", "").replace("\" }", "\""),
        right.replace("\" }]", "\" }, { value = \"SecretToken\" }, { value = \"SecretToken\" }]"),
        right.replace("\" }]", " }]"),
        right.replace("value = ", "state = "),
    ];
    for text in &wrong {
        let errors = read_text(text).unwrap_err();
        shown.push(format!("{errors} {errors:?}"));
    }
    for (shown, secret) in shown.iter().flat_map(|shown| secrets.map(|secret| (shown, secret))) {
        assert!(!shown.contains(secret), "{shown}");
    }
}

//! Bill files that are wrong, through the command line: each is refused with where and what, the exit code says so,
//! and nothing of it stands in the log.

use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::log_file::LogFile;
use super::server::{APP_ID, Home};

const HEADER: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const SUMMARY: &str =
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

/// The protocol document's row, of this app and merchant.
fn row(transaction_id: &str) -> String {
    format!(
        "`2021-01-28 17:07:11,`{APP_ID},`1601959334,`0,`,`{transaction_id},`S{transaction_id},\
         `ofyak5qR_1wYsC99CsWA6R9MJazA,`NATIVE,`SUCCESS,`OTHERS,`CNY,`0.01,`0.00,`0,`0,`0.00,`0.00,`,`,`for testing,\
         `cipher code,`0.00000,`1.00%,`0.01,`0.00,`"
    )
}

/// Three rows of one fen each, as WeChat gives them out.
fn lines() -> Vec<String> {
    let mut lines = vec![HEADER.to_owned()];
    lines.extend(
        ["4200000925202101284997714292", "4200000925202101284997714293", "4200000925202101284997714294"]
            .map(row),
    );
    lines.push(SUMMARY.to_owned());
    lines.push("`3,`0.03,`0.00,`0.00,`0.00000,`0.03,`0.00".to_owned());
    lines
}

fn file_of(lines: &[String]) -> Vec<u8> {
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The good file with one line changed.
fn with(place: usize, change: impl Fn(&str) -> String) -> Vec<u8> {
    let mut lines = lines();
    lines[place] = change(&lines[place]);
    file_of(&lines)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// Packed so tightly that no bill is: 32 MiB of one row, again and again.
fn bomb() -> Vec<u8> {
    let lines = lines();
    let again = format!("{}\r\n", lines[1]).repeat(1024);
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&file_of(&lines[..1])).unwrap();
    for _ in 0..32 * 1024 * 1024 / again.len() {
        packed.write_all(again.as_bytes()).unwrap();
    }
    packed.finish().unwrap()
}

fn home() -> Home {
    Home::with(|text| format!("{text}[merchant.1601959334]\napps = [\"demo\"]\n"))
}

fn write(home: &Home, name: &str, bytes: &[u8]) -> PathBuf {
    let path = home.folder().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The exit code, and what was said.
fn import(home: &Home, name: &str, bytes: &[u8], more: &[&str]) -> (i32, String) {
    let path = write(home, name, bytes);
    let args = [&["bill", "import", path.to_str().unwrap()], more].concat();
    let output = home.run(&args);
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

/// Name, content, and what the refusal says: where, and what.
fn malformed() -> Vec<(&'static str, Vec<u8>, &'static [&'static str])> {
    let good = file_of(&lines());
    vec![
        ("missing column", with(0, |header| header.replace(",微信订单号", "")), &["line 1", "微信订单号"]),
        ("extra column", with(0, |header| format!("{header},新列")), &["line 1", "column 28", "新列"]),
        ("column twice", with(0, |header| format!("{header},费率")), &["line 1", "column 28", "费率"]),
        (
            "wrong count",
            with(5, |line| line.replacen("`3", "`4", 1)),
            &["line 6", "column 1", "总交易单数", "4", "3"],
        ),
        (
            "wrong sum",
            with(5, |line| line.replacen("0.03", "0.04", 1)),
            &["line 6", "column 2", "应结订单总金额", "0.04", "0.03"],
        ),
        (
            "wrong order sum",
            with(5, |line| line.replace("`0.03,`0.00", "`0.30,`0.00").replacen("`3,`0.30", "`3,`0.03", 1)),
            &["line 6"],
        ),
        (
            "wrong fee sum",
            with(5, |line| line.replace("0.00000", "0.00001")),
            &["line 6", "column 5", "手续费总金额"],
        ),
        ("torn line", with(2, |line| line[..line.len() / 2].to_owned()), &["line 3, column "]),
        ("torn file", good[..good.len() - 200].to_vec(), &["line "]),
        ("no summary", file_of(&lines()[..4]), &["line ", "summary"]),
        ("after the summary", file_of(&[lines(), vec![row("9")]].concat()), &["line 7"]),
        (
            "cell without backtick",
            with(2, |line| line.replacen("`0.01", "0.01", 1)),
            &["line 3, column 27 (费率备注): the row is torn", "26"],
        ),
        (
            "amount of three decimals",
            with(2, |line| line.replacen("`0.01", "`0.001", 1)),
            &["line 3", "column 13", "应结订单金额"],
        ),
        (
            "amount that is no number",
            with(2, |line| line.replacen("`0.01", "`1e3", 1)),
            &["line 3", "column 13"],
        ),
        (
            "amount too large",
            with(2, |line| line.replacen("`0.01", "`99999999999999999999.00", 1)),
            &["line 3", "column 13"],
        ),
        (
            "no moment",
            with(2, |line| line.replace("2021-01-28", "2021-13-28")),
            &["line 3", "column 1", "交易时间"],
        ),
        ("another day", with(2, |line| line.replace("2021-01-28", "2021-01-29")), &["line "]),
        (
            "another merchant",
            with(2, |line| line.replace("1601959334", "1601959335")),
            &["line 3", "column 3", "商户号"],
        ),
        ("wrong encoding", encoding_rs::GBK.encode(&lines().join("\r\n")).0.into_owned(), &["line 1"]),
        ("wrong encoding within", broken_text(), &["line 3", "column 21", "商品名称"]),
        (
            "huge cell",
            with(2, |line| line.replace("for testing", &"x".repeat(100_000))),
            &["line 3", "column 21"],
        ),
        ("huge line", with(2, |line| line.replace("for testing", &"x".repeat(3_000_000))), &["line 3"]),
        (
            "a cell too many",
            with(2, |line| format!("{line},`1")),
            &["line 3, column 28: the row has more cells than the header"],
        ),
        (
            "UTF-16",
            format!("\u{feff}{}", lines().join("\r\n")).encode_utf16().flat_map(u16::to_le_bytes).collect(),
            &["line 1, column 1", "UTF-16", "CSV UTF-8"],
        ),
        ("empty file", vec![], &["empty"]),
        ("only a mark", b"\xef\xbb\xbf".to_vec(), &["empty"]),
        (
            "no bill",
            b"<html><body>Error 500</body></html>".to_vec(),
            &["line 1, column 1: the file is no bill"],
        ),
        ("no bill either", b"hello\nworld\n".to_vec(), &["line 1, column 1", "no bill"]),
        ("an answer", br#"{"code":"NO_STATEMENT_EXIST","message":"x"}"#.to_vec(), &["bill"]),
        ("bomb", bomb(), &["unpack"]),
        (
            "torn gzip",
            {
                let packed = gzip(&good);
                packed[..packed.len() - 30].to_vec()
            },
            &["torn"],
        ),
        ("zero bytes", with(2, |line| line.replace("for testing", "for\0testing")), &["line 3", "column 21"]),
    ]
}

fn broken_text() -> Vec<u8> {
    let bytes = file_of(&lines());
    let place =
        bytes.windows(11).enumerate().filter(|(_, window)| *window == b"for testing").nth(1).unwrap().0;
    let mut bytes = bytes;
    bytes[place] = 0xff;
    bytes
}

fn events(home: &Home) -> u64 {
    u64::try_from(LogFile::open(&home.store()).count("SELECT count(*) FROM events")).unwrap()
}

#[test]
fn a_malformed_bill_is_refused_with_where_and_what_and_nothing_is_appended() {
    let home = home();
    // The app and its merchant are registered before the first import.
    let (code, said) = import(&home, "empty.csv", b"", &[]);
    assert_eq!(code, 1, "{said}");
    let before = events(&home);
    let mut wrong = vec![];
    for (name, bytes, expected) in malformed() {
        let (code, said) = import(&home, "bad.csv", &bytes, &[]);
        let unsaid: Vec<_> = expected.iter().filter(|word| !said.contains(**word)).collect();
        if code != 1 || !unsaid.is_empty() || said.len() > 2000 || said.contains("panicked") {
            wrong.push(format!("{name}: exit code {code}, does not say {unsaid:?}: {said}"));
        }
        if events(&home) != before {
            wrong.push(format!("{name}: something was appended"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_sample_of_the_protocol_comes_to_the_exact_fen_in_every_dress() {
    let good = file_of(&lines());
    let text = String::from_utf8(good.clone()).unwrap();
    let without_mark = text.trim_start_matches('\u{feff}').as_bytes().to_vec();
    for (name, bytes) in [
        ("as it comes", good.clone()),
        ("packed", gzip(&good)),
        ("without mark", without_mark),
        ("with LF", text.replace("\r\n", "\n").into_bytes()),
    ] {
        let home = home();
        let (code, said) = import(&home, "good.csv", &bytes, &["--json"]);
        assert_eq!(code, 0, "{name}: {said}");
        let told: Value =
            serde_json::from_str(said.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
        assert_eq!(told["rows"], 3, "{name}: {told}");
        let stands = events(&home);
        let (code, said) = import(&home, "again.csv", &bytes, &[]);
        assert_eq!((code, events(&home)), (0, stands), "{name}: again, and nothing is appended: {said}");
    }
}

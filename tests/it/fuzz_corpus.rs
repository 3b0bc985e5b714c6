//! The files that fuzzing begins with hold what fuzzing looks for: without a fuzzer, whole and damaged.

#[path = "../fuzz/src/bill.rs"]
mod bill;
#[path = "../fuzz/src/case_file.rs"]
mod case_file;
#[path = "../fuzz/src/workbook.rs"]
mod workbook;

/// The file, cut and with a byte changed at places spread over it.
fn damaged(bytes: &[u8]) -> Vec<Vec<u8>> {
    let step = (bytes.len() / 40).max(1);
    let mut files = vec![bytes.to_vec()];
    for place in (0..bytes.len()).step_by(step) {
        files.push(bytes[..place].to_vec());
        for change in [0xff, 0x01, b',' ^ b'`'] {
            let mut file = bytes.to_vec();
            file[place] ^= change;
            files.push(file);
        }
    }
    files
}

#[test]
fn a_bill_is_read_the_same_twice_and_adds_up_or_is_refused_however_it_is_damaged() {
    let profiles = bill::profiles();
    for (_, bytes) in bill::seeds() {
        damaged(&bytes).iter().for_each(|file| bill::check(&profiles, file));
    }
}

#[test]
fn an_edited_report_is_read_the_same_twice_or_refused_however_it_is_damaged() {
    for (name, bytes) in case_file::seeds() {
        if name != "sheet" {
            let read = order_ledger::reconcile::case_file::read(&bytes);
            assert_eq!(read.map(|file| file.rows.len()), Ok(2), "{name}");
        }
        damaged(&bytes).iter().for_each(|file| case_file::check(file));
    }
}

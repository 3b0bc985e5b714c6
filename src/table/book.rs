//! An Excel file that is written row by row: a page of small tables first, then sheets of rows, of which only
//! one row is in memory. The same content and moment give the same bytes.

use std::io::Write;
use std::path::Path;

use chrono::{DateTime, Utc};
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook, XlsxError};

use super::xlsx::{
    Heading, WriteError, Written, columns_of, sheet_name, workbook_made, write_bold, write_cell,
    write_header, write_row,
};
use super::{Cell, Column, Table};

/// Columns of a page are this wide, in characters.
const PAGE_WIDTH: u32 = 28;

pub struct Book {
    workbook: Workbook,
}

impl Book {
    /// `at` is what the file gives as the moment of its making, to the second.
    pub fn made_at(at: DateTime<Utc>) -> Result<Self, WriteError> {
        Ok(Self { workbook: workbook_made(&ExcelDateTime::from_timestamp(at.timestamp())?) })
    }

    /// For so many rows that a sheet may be larger than 4 GiB before it is packed, which not every program reads.
    pub fn large(mut self) -> Self {
        self.workbook.use_zip_large_file(true);
        self
    }

    /// Its rows are in a file of this folder until the whole is written; else where the system keeps such files.
    pub fn kept_in(mut self, folder: &Path) -> Result<Self, WriteError> {
        self.workbook.set_tempdir(folder)?;
        Ok(self)
    }

    /// A sheet of small tables, one below another, each under its title.
    pub fn page(&mut self, name: &str, tables: &[(String, Table)]) -> Result<(), WriteError> {
        let sheet = self.workbook.add_worksheet();
        sheet.set_name(sheet_name(name, 1))?;
        let mut at = 0;
        for (title, table) in tables {
            let columns = columns_of(&table.columns);
            write_bold(sheet, (at, 0), title)?;
            for (place, column) in (0..).zip(&columns) {
                sheet.set_column_width(place, PAGE_WIDTH)?;
                write_bold(sheet, (at + 1, place), column.label())?;
                write_bold(sheet, (at + 2, place), &column.name)?;
            }
            at += 3;
            for row in &table.rows {
                for (place, column) in (0..).zip(&columns) {
                    let Some(cell) = row.get(column.source) else { continue };
                    write_cell(sheet, (at, place), column.shows, cell)?;
                    let format = Format::new().set_num_format(column.shows.format());
                    sheet.set_cell_format(at, place, &format)?;
                }
                at += 1;
            }
            at += 1;
        }
        Ok(())
    }

    /// Sheets of rows, as many as they take, each with a row of labels and one of names, which stay in view:
    /// of `sheet_rows_max` rows at most, one of them the names.
    pub fn rows(
        &mut self,
        name: &str,
        columns: &[Column],
        sheet_rows_max: usize,
    ) -> Result<RowSheets<'_>, WriteError> {
        let rows_max = sheet_rows_max.saturating_sub(1).max(1);
        let mut sheets = RowSheets {
            workbook: &mut self.workbook,
            name: name.to_owned(),
            columns: columns_of(columns),
            rows_max,
            sheets: 0,
            rows: 0,
        };
        sheets.next_sheet()?;
        Ok(sheets)
    }

    pub fn write_into(mut self, out: impl Write + Send) -> Result<(), WriteError> {
        Ok(self.workbook.save_to_writer(out)?)
    }
}

pub struct RowSheets<'a> {
    workbook: &'a mut Workbook,
    name: String,
    columns: Vec<Written>,
    rows_max: usize,
    sheets: usize,
    /// Of the last sheet.
    rows: usize,
}

impl RowSheets<'_> {
    pub fn row(&mut self, cells: &[Cell]) -> Result<(), WriteError> {
        if self.rows == self.rows_max {
            self.next_sheet()?;
        }
        let at =
            Heading::LabelsAboveNames.rows().saturating_add(u32::try_from(self.rows).unwrap_or(u32::MAX));
        let last = self.workbook.worksheets().len().saturating_sub(1);
        write_row(self.workbook.worksheet_from_index(last)?, at, &self.columns, cells)?;
        self.rows += 1;
        Ok(())
    }

    fn next_sheet(&mut self) -> Result<(), XlsxError> {
        self.sheets += 1;
        self.rows = 0;
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(sheet_name(&self.name, self.sheets))?;
        write_header(sheet, &self.columns, Heading::LabelsAboveNames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::sample;
    use crate::table::xlsx::reading::{cells, part};

    const AT: DateTime<Utc> = DateTime::from_timestamp(1_767_196_800, 0).unwrap();

    fn written(rows_max: usize, rows: &[Vec<Cell>]) -> Vec<u8> {
        let table = sample::table();
        let mut book = Book::made_at(AT).unwrap();
        book.page("report", &[("样例 sample".to_owned(), table.clone())]).unwrap();
        let mut sheets = book.rows("rows", &table.columns, rows_max + 1).unwrap();
        rows.iter().for_each(|row| sheets.row(row).unwrap());
        let mut file = vec![];
        book.write_into(&mut file).unwrap();
        file
    }

    #[test]
    fn labels_and_names_stand_above_the_rows_and_stay_in_view() {
        let file = written(10, &sample::table().rows);
        let cells = cells(&file, 2);
        assert_eq!(cells[0], r#""商户订单号 order""#);
        assert_eq!(cells[2..4], [r#""amount 元""#, r#""amount 分""#]);
        assert_eq!(cells[13], r#""out_trade_no""#);
        assert_eq!(cells[15..17], [r#""amount_yuan""#, r#""amount_fen""#]);
        assert_eq!(cells[26..30], ["\"00123\"", "\"oPlayer0000000000000000000001\"", "12.34", "1234"]);
        let sheet = part(&file, "xl/worksheets/sheet2.xml");
        assert!(sheet.contains("ySplit=\"2\"") && sheet.contains("state=\"frozen\""));
        assert!(!sheet.contains("<f>"), "no formula");
    }

    #[test]
    fn the_page_shows_its_tables_under_their_titles() {
        let cells = cells(&written(10, &[]), 1);
        assert_eq!(cells[..2], [r#""样例 sample""#, r#""商户订单号 order""#]);
        assert!(cells.contains(&"12.34".to_owned()));
    }

    #[test]
    fn rows_that_a_sheet_does_not_take_go_on_in_the_next_under_the_same_header() {
        let row = sample::table().rows[0].clone();
        let file = written(2, &vec![row; 5]);
        assert_eq!(cells(&file, 2).len(), cells(&file, 3).len());
        assert_eq!(cells(&file, 4)[26], "\"00123\"", "the fifth row");
        assert!(part(&file, "xl/workbook.xml").contains("name=\"rows 3\""));
        assert!(!part(&file, "xl/workbook.xml").contains("name=\"rows 4\""));
    }

    #[test]
    fn the_same_rows_and_moment_give_the_same_bytes() {
        let rows = sample::table().rows;
        assert_eq!(written(1, &rows), written(1, &rows));
        assert!(part(&written(1, &rows), "docProps/core.xml").contains("2025-12-31T16:00:00Z"));
    }
}

//! What the document says of a named question: its parameters, its columns as types, and the paths that stand
//! for it.

use serde_json::{Map, Value, json};

use super::add as add_operation;
use crate::http::api::apps::{self, SHORTCUTS};
use crate::http::api::present::{CSV, JSON, XLSX};
use crate::http::api::{deliveries, finance};
use crate::limits;
use crate::projector::{Next, Parameter, ParameterKind, QueryDeclaration};
use crate::table::{Column, Unit};

/// A position as text: what SQLite can count to, and no more ways than one to write it.
const POSITION: &str = "^(0|[1-9][0-9]{0,18})$";

/// Adds the question, and everything that is answered by it.
pub fn add(document: &mut Value, question: &QueryDeclaration) {
    let (projection, query) = (question.projection.as_str(), question.name.as_str());
    let row = format!("{projection}.{query}.row");
    document["components"]["schemas"][row.as_str()] = row_schema(&question.columns);
    let path = format!("/v1/projections/{projection}/{query}");
    add_operation(
        document,
        &path,
        "get",
        list(question, "projections", &format!("ask_{projection}_{query}"), ""),
    );
    for shortcut in SHORTCUTS
        .into_iter()
        .chain(finance::SHORTCUTS)
        .filter(|it| (it.projection, it.query) == (projection, query))
    {
        let operation = list(question, shortcut.tag, shortcut.operation, shortcut.path);
        add_operation(document, shortcut.path, "get", operation);
    }
    if (projection, query) == apps::BY_ID {
        add_operation(document, apps::ORDER_PATH, "get", one_order(&row));
    }
    if (projection, query) == (deliveries::PROJECTION, deliveries::QUERY) {
        add_operation(document, deliveries::PATH, "get", feed(&row));
    }
}

/// A list, under the path of a shortcut or, without one, under its own.
fn list(question: &QueryDeclaration, tag: &str, operation: &str, path: &str) -> Value {
    let in_path = |name: &str| path.contains(&format!("{{{name}}}"));
    let mut parameters = path_parameters(path);
    let asked = question.parameters.iter().filter(|parameter| !in_path(&parameter.name));
    parameters.extend(asked.map(query_parameter));
    let format = json!({"type": "string", "enum": ["json", "csv", "xlsx"]});
    parameters.extend([
        min_position(),
        as_of(),
        in_query("format", "Goes before Accept. CSV and XLSX need the role finance, audit or admin", format),
        in_query(
            "bom",
            "Of CSV: begin with the mark by which Excel knows UTF-8",
            json!({"type": "string", "enum": ["true", "false"]}),
        ),
        in_header("If-None-Match", "The ETag of an answer that is known"),
    ]);
    let roles: Vec<_> = question.roles.iter().map(|role| role.as_str()).collect();
    json!({
        "tags": [tag],
        "summary": summary(&question.title),
        "description": format!("{}\n\nAnswers the roles: {}.", question.title, with_always(&roles)),
        "operationId": operation,
        "x-roles": roles,
        "security": [{"bearer": []}],
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "The rows",
                "headers": list_headers(),
                "content": {
                    JSON: {"schema": list_body(question)},
                    CSV: {"schema": {"type": "string"}},
                    XLSX: {"schema": {"type": "string", "format": "binary"}},
                },
            },
            "304": {"description": "The rows are those of the ETag", "headers": list_headers()},
            "406": {"$ref": "#/components/responses/NotAcceptable"},
            "404": {"$ref": "#/components/responses/NotFound"},
        },
    })
}

fn with_always(roles: &[&str]) -> String {
    let always = ["audit", "admin"].into_iter().filter(|role| !roles.contains(role));
    roles.iter().copied().chain(always).collect::<Vec<_>>().join(", ")
}

/// The first sentence.
fn summary(title: &str) -> &str {
    title.find(['.', ':']).map_or(title, |end| &title[..end])
}

fn one_order(row: &str) -> Value {
    let mut parameters = path_parameters(apps::ORDER_PATH);
    parameters.extend([
        environment(),
        min_position(),
        as_of(),
        in_header("If-None-Match", "The ETag of a known answer"),
    ]);
    let mut body = as_of_fields();
    body["order"] = json!({"$ref": format!("#/components/schemas/{row}")});
    json!({
        "tags": ["apps"],
        "summary": "One order with its refunds",
        "operationId": "order",
        "security": [{"bearer": []}],
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "The order",
                "headers": answer_headers(),
                "content": {JSON: {"schema": object(body)}},
            },
            "304": {"description": "The order is that of the ETag", "headers": answer_headers()},
            "406": {"$ref": "#/components/responses/NotAcceptable"},
        },
    })
}

fn feed(row: &str) -> Value {
    let mut parameters = path_parameters(deliveries::PATH);
    let number = |minimum: u32, maximum: u32, default: u32| json!({"type": "integer", "minimum": minimum, "maximum": maximum, "default": default});
    let cursor = json!({"type": "string", "minLength": 38, "maxLength": 56});
    parameters.extend([
        environment(),
        in_query(
            "after",
            "The cursor of the answer before; without it the feed begins at its beginning",
            cursor,
        ),
        in_query("limit", "Items at most", number(1, limits::DELIVERIES_MAX, limits::DELIVERIES)),
        in_query("wait", "Seconds to wait for items", number(0, limits::DELIVERIES_WAIT_S_MAX, 0)),
    ]);
    let body = json!({
        "items": {"type": "array", "items": {"$ref": format!("#/components/schemas/{row}")}},
        "cursor": {"type": "string", "description": "For `after`; it has moved on even where there are no items"},
        "position": nullable("string"),
    });
    json!({
        "tags": ["deliveries"],
        "summary": "Goods, gifts, coins and refunds in the order of the log",
        "description": "With Accept: text/event-stream the same as Server-Sent Events: `id` is the cursor, `event` \
                        the kind, `data` the item; Last-Event-ID goes before `after`. It takes no `as_of`: for the \
                        past ask /v1/projections/orders/deliveries.",
        "operationId": "deliveries",
        "security": [{"bearer": []}],
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "What stands after the cursor",
                "content": {
                    JSON: {"schema": object(body)},
                    deliveries::EVENT_STREAM: {"schema": {"type": "string"}},
                },
            },
            "406": {"$ref": "#/components/responses/NotAcceptable"},
            "409": {"$ref": "#/components/responses/Conflict"},
        },
    })
}

fn path_parameters(path: &str) -> Vec<Value> {
    let known = [
        (
            "app",
            "The app's name",
            json!({"type": "string", "pattern": "^[a-z0-9]{1,32}$", "example": "demo"}),
        ),
        (
            "out_trade_no",
            "OutTradeNo",
            json!({"type": "string", "pattern": r"^[0-9A-Za-z_\-|*@]{1,32}$", "example": "ORD-20260101-0001"}),
        ),
        (
            "open_id",
            "The player's OpenId",
            json!({"type": "string", "minLength": 1, "maxLength": 128, "example": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}),
        ),
    ];
    let named = known.into_iter().filter(|(name, ..)| path.contains(&format!("{{{name}}}")));
    let parameter = |(name, description, schema): (&str, &str, Value)| json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema});
    named.map(parameter).collect()
}

fn in_query(name: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema})
}

fn in_header(name: &str, description: &str) -> Value {
    let schema = json!({"type": "string"});
    json!({"name": name, "in": "header", "required": false, "description": description, "schema": schema})
}

fn environment() -> Value {
    let words = json!({"type": "string", "enum": ["production", "sandbox"], "default": "production"});
    in_query("env", "Default: production", words)
}

fn min_position() -> Value {
    let schema = json!({"type": "string", "pattern": POSITION});
    in_query(
        "min_position",
        "The answer must know of this position; waits a little, then 503 `behind`",
        schema,
    )
}

/// Which state is asked.
pub fn as_of() -> Value {
    in_query(
        "as_of",
        "The state after this position, or after what was recorded up to this moment, to which ages are counted. \
         Folded when it is first asked for: 503 `not_built` until then, one at a time for each access token. An \
         answer is as of then, or says in X-Ledger-Stopped that its read model has stopped before a moment that is \
         over",
        as_of_schema(),
    )
}

pub fn as_of_schema() -> Value {
    json!({"anyOf": [{"type": "string", "pattern": POSITION}, {"type": "string", "format": "date-time"}]})
}

fn query_parameter(parameter: &Parameter) -> Value {
    let Parameter { name, kind, required, default, max, words, help } = parameter;
    let mut schema = match kind {
        ParameterKind::Text if !words.is_empty() => json!({"type": "string", "enum": words}),
        ParameterKind::Text => json!({"type": "string", "maxLength": limits::PARAMETER_CHARS_MAX}),
        ParameterKind::Integer => {
            json!({"type": "integer", "minimum": 0, "maximum": max.unwrap_or(i64::MAX)})
        }
        ParameterKind::Fen => {
            json!({"type": "integer", "format": "int64", "maximum": max.unwrap_or(i64::MAX)})
        }
        ParameterKind::Moment => json!({"type": "string", "format": "date-time"}),
        ParameterKind::Day => json!({"type": "string", "format": "date"}),
        ParameterKind::Flag => json!({"type": "string", "enum": ["true", "false", "1", "0"]}),
        ParameterKind::Position => json!({"type": "string", "pattern": POSITION}),
    };
    if let Some(default) = default {
        let is_number = matches!(kind, ParameterKind::Integer | ParameterKind::Fen);
        let number = default.parse::<i64>().ok().filter(|_| is_number);
        schema["default"] = number.map_or_else(|| json!(default), |number| json!(number));
    }
    let help = if help.is_empty() { name } else { help };
    json!({"name": name, "in": "query", "required": required, "description": help, "schema": schema})
}

fn row_schema(columns: &[Column]) -> Value {
    let fields: Map<String, Value> =
        columns.iter().map(|column| (column.name.clone(), column_schema(column))).collect();
    object(Value::Object(fields))
}

/// All fields are there, and no others.
pub fn object(fields: Value) -> Value {
    let names: Vec<_> = fields.as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect();
    json!({"type": "object", "properties": fields, "required": names, "additionalProperties": false})
}

fn nullable(name: &str) -> Value {
    json!({"type": [name, "null"]})
}

fn column_schema(column: &Column) -> Value {
    let (mut schema, unit) = match column.unit {
        Unit::Text => (nullable("string"), ""),
        Unit::Id => (nullable("string"), "an id"),
        Unit::OpenId => (nullable("string"), "an OpenId; masked for support"),
        Unit::Fen => (nullable("integer"), "fen"),
        Unit::Millifen => (nullable("integer"), "thousandths of a fen"),
        Unit::Count => (nullable("number"), "a count"),
        Unit::Moment => (json!({"type": ["string", "null"], "format": "date-time"}), "a moment in UTC"),
        Unit::Day => (json!({"type": ["string", "null"], "format": "date"}), "a day in Beijing"),
        Unit::Flag => (nullable("boolean"), ""),
        Unit::Position => (nullable("string"), "a place in the log"),
        Unit::Json => (json!({}), "JSON"),
        Unit::Seconds => (nullable("number"), "seconds"),
    };
    let parts: Vec<_> = [column.label.as_str(), unit].into_iter().filter(|part| !part.is_empty()).collect();
    if !parts.is_empty() {
        schema["description"] = parts.join("; ").into();
    }
    schema
}

fn as_of_fields() -> Value {
    json!({
        "position": {"type": ["string", "null"], "description": "What the answer is as of; null before any event"},
        "log_id": {"type": "string", "format": "uuid", "description": "Names the log that positions are of"},
        "as_of": {"type": "string", "format": "date-time", "description": "The moment that ages are counted to"},
    })
}

fn list_body(question: &QueryDeclaration) -> Value {
    let row = format!("#/components/schemas/{}.{}.row", question.projection, question.name);
    let mut fields = as_of_fields();
    fields["rows"] = json!({"type": "array", "items": {"$ref": row}});
    fields["next"] = match &question.next {
        Some(Next { parameter, .. }) => {
            let mut page = Map::new();
            page.insert(parameter.clone(), json!({"type": "string"}));
            let described = "The parameter that asks for the next page; null on the last";
            json!({"description": described, "anyOf": [{"type": "null"}, object(Value::Object(page))]})
        }
        None => json!({"type": "null"}),
    };
    object(fields)
}

fn answer_headers() -> Value {
    let header = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    json!({
        "X-Ledger-Position": header("What the answer is as of"),
        "X-Ledger-Log-Id": header("Names the log"),
        "X-Ledger-Stopped": header("With as_of: the position before which the read model has stopped for good"),
        "ETag": header("Weak: changes where the content does"),
        "X-Request-Id": header("The request's id"),
    })
}

fn list_headers() -> Value {
    let mut headers = answer_headers();
    headers["Link"] = json!({"description": "rel=next: the next page", "schema": {"type": "string"}});
    headers
}

//! What the OpenAPI document says of an error's detail.

use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

/// The detail of an error: null, a list of places, or an object with what stands.
pub fn detail() -> RefOr<Schema> {
    let text =
        |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    let place = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("place", text("Where, such as `query.limit` or `body.roles[0].role_id`"))
        .property("problem", text("What is wrong there"))
        .required("place")
        .required("problem")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    let object = ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)));
    let anything = AnyOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .item(ArrayBuilder::new().items(RefOr::from(Schema::from(place.build()))))
        .item(object)
        .description(Some("The places that are wrong, or what stands against it"));
    anything.into()
}

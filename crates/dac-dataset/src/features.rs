//! Metadata with which the Hugging Face library reads a parquet file.

use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as PhysicalType};
use parquet::schema::types::Type;
use serde_json::{Map, Value, json};

/// Key of the metadata in a parquet file.
pub(crate) const KEY: &str = "huggingface";

/// Metadata of a file with these columns. `known` are the features of some of them; others are derived from
/// their types. `None` if a type is not known, which readers then derive by themselves.
pub(crate) fn metadata(columns: &Type, known: &Map<String, Value>) -> Option<String> {
    let mut features = Map::new();
    for column in columns.get_fields() {
        let feature = known.get(column.name()).cloned().or_else(|| feature_of(column))?;
        features.insert(column.name().to_owned(), feature);
    }
    Some(json!({ "info": { "features": features } }).to_string())
}

/// Features that a file declares, by column.
pub(crate) fn features_of(metadata: &str) -> Map<String, Value> {
    let metadata: Value = serde_json::from_str(metadata).unwrap_or_default();
    let features = metadata.get("info").and_then(|info| info.get("features"));
    features.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn feature_of(column: &Type) -> Option<Value> {
    let Type::GroupType { fields, .. } = column else {
        let dtype = dtype_of(column)?;
        return Some(json!({ "dtype": dtype, "_type": "Value" }));
    };
    let info = column.get_basic_info();
    let is_list = info.converted_type() == ConvertedType::LIST
        || matches!(info.logical_type_ref(), Some(LogicalType::List));
    if is_list {
        // A list has three levels: itself, a repeated group, and the element.
        let [repeated] = fields.as_slice() else { return None };
        let [element] = repeated.is_group().then(|| repeated.get_fields())? else { return None };
        let feature = feature_of(element)?;
        let info = element.is_group().then(|| element.get_basic_info());
        let is_struct = info.is_some_and(|info| info.converted_type() != ConvertedType::LIST);
        // These forms are read by all versions of the library.
        return Some(if is_struct {
            json!([feature])
        } else {
            json!({ "feature": feature, "_type": "Sequence" })
        });
    }
    if fields.iter().any(|field| field.get_basic_info().repetition() == Repetition::REPEATED) {
        return None;
    }
    let members = fields.iter().map(|field| Some((field.name().to_owned(), feature_of(field)?)));
    members.collect::<Option<Map<_, _>>>().map(Value::Object)
}

fn dtype_of(column: &Type) -> Option<&'static str> {
    let converted = column.get_basic_info().converted_type();
    Some(match (column.get_physical_type(), converted) {
        (PhysicalType::BOOLEAN, _) => "bool",
        (PhysicalType::INT32, ConvertedType::NONE | ConvertedType::INT_32) => "int32",
        (PhysicalType::INT32, ConvertedType::UINT_16) => "uint16",
        (PhysicalType::INT64, ConvertedType::NONE | ConvertedType::INT_64) => "int64",
        (PhysicalType::FLOAT, _) => "float32",
        (PhysicalType::DOUBLE, _) => "float64",
        (PhysicalType::BYTE_ARRAY, ConvertedType::UTF8) => "string",
        (PhysicalType::BYTE_ARRAY, ConvertedType::NONE) => "binary",
        _ => return None,
    })
}

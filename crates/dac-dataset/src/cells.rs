//! Cells of a row with columns of any types, as they are in the column chunks of a parquet file: values with
//! their levels. They pass from one file to another without a conversion.

use std::sync::Arc;

use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, DataType, FixedLenByteArray, Int96};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::SerializedColumnWriter;
use parquet::schema::types::{Type, TypePtr};
use serde_json::{Map, Value};

/// Columns that pass through, shared by all rows of a file.
#[derive(Debug, PartialEq)]
pub(crate) struct PassedColumns {
    /// Types of the columns.
    pub(crate) fields: Vec<TypePtr>,
    /// What the Hugging Face library knows about them, by name.
    pub(crate) features: Map<String, Value>,
}

/// Values of the columns that pass through, of one row.
#[derive(Debug, Clone)]
pub struct Cells {
    pub(crate) columns: Arc<PassedColumns>,
    /// One for each leaf of the columns, in their order.
    pub(crate) leaves: Vec<Leaf>,
}

/// Values of one leaf.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) values: Values,
    /// Definition levels; empty for a leaf that is always present.
    pub(crate) defined: Vec<i16>,
    /// Repetition levels; empty for a leaf that is not in a list.
    pub(crate) repeated: Vec<i16>,
}

/// Values of a leaf by their physical type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

impl Cells {
    /// Largest number of bytes that the cells add to a file, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.leaves.iter().map(Leaf::bytes).sum()
    }
}

impl Leaf {
    /// A text or bytes that may be missing.
    pub(crate) fn of_optional(value: Option<Vec<u8>>) -> Self {
        let defined = vec![i16::from(value.is_some())];
        let values = value.into_iter().map(ByteArray::from).collect();
        Self { values: Values::Bytes(values), defined, repeated: Vec::new() }
    }

    /// Reads the values of the next row.
    pub(crate) fn read(reader: &mut ColumnReader) -> Result<Self> {
        let (mut defined, mut repeated) = (Vec::new(), Vec::new());
        macro_rules! read {
            ($reader:expr, $kind:ident) => {{
                let mut values = Vec::new();
                let (rows, ..) =
                    $reader.read_records(1, Some(&mut defined), Some(&mut repeated), &mut values)?;
                (rows, Values::$kind(values))
            }};
        }
        let (rows, values) = match reader {
            ColumnReader::BoolColumnReader(reader) => read!(reader, Bool),
            ColumnReader::Int32ColumnReader(reader) => read!(reader, Int32),
            ColumnReader::Int64ColumnReader(reader) => read!(reader, Int64),
            ColumnReader::Int96ColumnReader(reader) => read!(reader, Int96),
            ColumnReader::FloatColumnReader(reader) => read!(reader, Float),
            ColumnReader::DoubleColumnReader(reader) => read!(reader, Double),
            ColumnReader::ByteArrayColumnReader(reader) => read!(reader, Bytes),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => read!(reader, Fixed),
        };
        if rows != 1 {
            return Err(ParquetError::EOF("a column has fewer rows than its group".to_owned()));
        }
        Ok(Self { values, defined, repeated })
    }

    fn bytes(&self) -> u64 {
        let values = match &self.values {
            Values::Bool(values) => values.len(),
            Values::Int32(values) => values.len() * 4,
            Values::Int64(values) => values.len() * 8,
            Values::Int96(values) => values.len() * 12,
            Values::Float(values) => values.len() * 4,
            Values::Double(values) => values.len() * 8,
            Values::Bytes(values) => values.iter().map(|value| value.len() + 4).sum(),
            Values::Fixed(values) => values.iter().map(|value| value.len()).sum(),
        };
        (values + self.defined.len() + self.repeated.len() + 8) as u64
    }

    /// The only value of a leaf of bytes, if it is present.
    pub(crate) fn only_bytes(&self) -> Option<&ByteArray> {
        match &self.values {
            Values::Bytes(values) => values.first(),
            _ => None,
        }
    }
}

/// Writes one leaf of all rows of a group.
pub(crate) fn write_leaf<'a>(
    writer: &mut SerializedColumnWriter<'_>,
    leaves: impl Iterator<Item = &'a Leaf> + Clone,
) -> Result<()> {
    fn write<T: DataType>(
        writer: &mut SerializedColumnWriter<'_>,
        values: &[T::T],
        [defined, repeated]: [&[i16]; 2],
    ) -> Result<()> {
        let levels = |levels: &'_ [i16]| if levels.is_empty() { None } else { Some(levels.to_vec()) };
        let (defined, repeated) = (levels(defined), levels(repeated));
        writer.typed::<T>().write_batch(values, defined.as_deref(), repeated.as_deref())?;
        Ok(())
    }
    let defined: Vec<i16> = leaves.clone().flat_map(|leaf| leaf.defined.iter().copied()).collect();
    let repeated: Vec<i16> = leaves.clone().flat_map(|leaf| leaf.repeated.iter().copied()).collect();
    let levels = [defined.as_slice(), repeated.as_slice()];
    macro_rules! write {
        ($kind:ident, $type:ident) => {{
            let mut all = Vec::new();
            for leaf in leaves {
                match &leaf.values {
                    Values::$kind(values) => all.extend_from_slice(values),
                    _ => return Err(ParquetError::General("a column has values of two types".to_owned())),
                }
            }
            write::<parquet::data_type::$type>(writer, &all, levels)
        }};
    }
    match leaves.clone().next().map(|leaf| &leaf.values) {
        None => Ok(()),
        Some(Values::Bool(_)) => write!(Bool, BoolType),
        Some(Values::Int32(_)) => write!(Int32, Int32Type),
        Some(Values::Int64(_)) => write!(Int64, Int64Type),
        Some(Values::Int96(_)) => write!(Int96, Int96Type),
        Some(Values::Float(_)) => write!(Float, FloatType),
        Some(Values::Double(_)) => write!(Double, DoubleType),
        Some(Values::Bytes(_)) => write!(Bytes, ByteArrayType),
        Some(Values::Fixed(_)) => write!(Fixed, FixedLenByteArrayType),
    }
}

/// Copies a type under another name.
pub(crate) fn renamed(column: &Type, name: &str) -> Result<Type> {
    let info = column.get_basic_info();
    let id = info.has_id().then(|| info.id());
    match column {
        Type::PrimitiveType { physical_type, type_length, scale, precision, .. } => {
            Type::primitive_type_builder(name, *physical_type)
                .with_repetition(info.repetition())
                .with_converted_type(info.converted_type())
                .with_logical_type(info.logical_type_ref().cloned())
                .with_length(*type_length)
                .with_scale(*scale)
                .with_precision(*precision)
                .with_id(id)
                .build()
        }
        Type::GroupType { fields, .. } => Type::group_type_builder(name)
            .with_repetition(info.repetition())
            .with_converted_type(info.converted_type())
            .with_logical_type(info.logical_type_ref().cloned())
            .with_fields(fields.clone())
            .with_id(id)
            .build(),
    }
}

//! The network itself on batches of arrays, as the Python implementations offer it.

use dac::codec::{Array3, Codec as Network, CodecError, Encoded, QuantizedRows};
use dac::{Codes, Dac};
use numpy::PyReadonlyArray3;
use pyo3::prelude::*;

use crate::arrays::{Codes3, Floats3, codes_to_python, floats_to_python, values};
use crate::failure::{Failure, Kind};
use crate::tasks::run_items;

/// A model and the threads that it may use.
pub(crate) struct Model {
    pub(crate) dac: Dac,
    pub(crate) threads: usize,
}

/// Samples that are pushed into the encoder at a time.
const PUSH_SAMPLES: usize = 1 << 14;

/// Encodes audio `[batch, 1, samples]` without padding it to whole hops. Returns z, codes and latents.
pub(crate) fn encode_batch<'py>(
    model: &Model,
    py: Python<'py>,
    audio: PyReadonlyArray3<'py, f32>,
    n_codebooks: Option<usize>,
) -> PyResult<(Floats3<'py>, Codes3<'py>, Floats3<'py>)> {
    let network = model.dac.codec();
    let codebooks = network.codebooks(n_codebooks).map_err(Failure::from)?;
    let items = split(&audio)?;
    let encoded =
        run_items(py, model.threads, items, false, |item, _| Ok(encode_item(network, &item, codebooks)?))?;
    let (mut z, mut codes, mut latents) = (Vec::new(), Vec::new(), Vec::new());
    for item in encoded {
        z.push(item.z);
        codes.push(item.codes);
        latents.push(item.latents);
    }
    let codes = Codes::stack_channels(&codes).map_err(|error| Failure::from(CodecError::from(error)))?;
    let (z, latents) = (stack(&z)?, stack(&latents)?);
    Ok((floats_to_python(py, z)?, codes_to_python(py, codes)?, floats_to_python(py, latents)?))
}

/// Decodes z `[batch, latent, frames]` to audio `[batch, 1, samples]`, which is not trimmed.
pub(crate) fn decode_batch<'py>(
    model: &Model,
    py: Python<'py>,
    z: PyReadonlyArray3<'py, f32>,
) -> PyResult<Floats3<'py>> {
    let items = split(&z)?;
    let audio = run_items(py, model.threads, items, false, |item, _| Ok(model.dac.codec().decode(&item)?))?;
    floats_to_python(py, stack(&audio)?)
}

/// Converts codes `[batch, codebooks, frames]` to z `[batch, latent, frames]` and the codebooks' entries
/// `[batch, codebooks · dim, frames]`.
pub(crate) fn codes_to_z<'py>(
    model: &Model,
    py: Python<'py>,
    codes: PyReadonlyArray3<'py, u16>,
) -> PyResult<(Floats3<'py>, Floats3<'py>)> {
    let (data, shape) = values(&codes)?;
    let codes = Codes::new(data, shape).map_err(|error| Failure::from(CodecError::from(error)))?;
    let results = run_items(py, model.threads, vec![codes], false, |codes, _| {
        Ok((model.dac.codec().codes_to_z(&codes)?, model.dac.codec().codes_to_entries(&codes)?))
    })?;
    let missing = || Failure::new(Kind::Other, "internal error: no result");
    let (z, entries) = results.into_iter().next().ok_or_else(missing)?;
    Ok((floats_to_python(py, z)?, floats_to_python(py, entries)?))
}

/// Searches the codes `[batch, codebooks, frames]` of latents `[batch, codebooks · dim, frames]`.
pub(crate) fn latents_to_codes<'py>(
    model: &Model,
    py: Python<'py>,
    latents: PyReadonlyArray3<'py, f32>,
) -> PyResult<Codes3<'py>> {
    let items = split(&latents)?;
    let search = |item: Array3, _: &_| Ok(model.dac.codec().latents_to_codes(&item)?);
    let codes = run_items(py, model.threads, items, false, search)?;
    let codes = Codes::stack_channels(&codes).map_err(|error| Failure::from(CodecError::from(error)))?;
    codes_to_python(py, codes)
}

/// Copies each item of a batch, so that they can be computed in parallel.
fn split(array: &PyReadonlyArray3<'_, f32>) -> Result<Vec<Array3>, Failure> {
    let (data, [batch, channels, samples]) = values(array)?;
    let size = channels * samples;
    if batch == 0 || size == 0 {
        let shape = [batch, channels, samples];
        return Err(Failure::new(Kind::Audio, format!("the array of shape {shape:?} is empty")));
    }
    let item = |item: &[f32]| Array3::new(item.to_vec(), [1, channels, samples]);
    let items = data.chunks_exact(size).map(item).collect::<Result<_, _>>();
    Ok(items.map_err(CodecError::from)?)
}

fn stack(items: &[Array3]) -> Result<Array3, Failure> {
    Ok(Array3::stack(items).map_err(CodecError::from)?)
}

/// Encodes one signal. Without whole hops, the engine gives the frames that the layers give: one fewer than
/// with padding.
fn encode_item(network: &Network, audio: &Array3, codebooks: usize) -> Result<Encoded, CodecError> {
    let [_, channels, samples] = audio.shape();
    let (shape, hop) = (network.shape(), network.geometry().hop_samples);
    let stream = network.engine_encoder(codebooks);
    let (Some(mut stream), true) = (stream, channels == 1 && samples > hop && samples % hop > 0) else {
        return network.encode(audio, Some(codebooks));
    };
    let mut rows = QuantizedRows::default();
    for part in audio.as_slice().chunks(PUSH_SAMPLES) {
        stream.push(part, &mut rows)?;
    }
    stream.finish(&mut rows)?;
    Ok(Encoded {
        z: Array3::from_rows(&rows.z, shape.latent_dim)?,
        codes: Codes::from_rows(&rows.codes, codebooks)?,
        latents: Array3::from_rows(&rows.latents, codebooks * shape.codebook_dim)?,
    })
}

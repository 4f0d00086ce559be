// The C interface of the Descript Audio Codec: audio to tokens and back.
//
// Errors. A function that can fail returns a dac_status. If it is not DAC_OK, dac_last_error() describes the
// error of the calling thread, and an output parameter for a handle is set to NULL.
//
// Handles. Every handle that a function returns through an output parameter belongs to the caller and is
// released by its dac_..._free function, which accepts NULL. Pointers that a function returns directly belong
// to the handle they come from. Threads may share a dac_model; every other handle may be used by one thread
// at a time. A handle keeps its model alive: the model may be freed first.
//
// Arrays. Samples are planar, [channels][samples], with full scale at 1. Codes are
// [channels][codebooks][frames]. The last dimension is contiguous. Pointers to arrays may be NULL if the
// array is empty. Text is UTF-8, terminated by a NUL.
//
// Compatibility. Handles are opaque and structs are not passed, so that functions can be added without a
// change of DAC_ABI_VERSION. A program compares it with dac_abi_version() of the library that it runs with.

#ifndef DAC_H
#define DAC_H

// Generated from crates/dac-capi by `cargo xtask capi --write-header`.

#include <stddef.h>
#include <stdint.h>

// Version of this interface. It changes when a function changes or disappears.
#define DAC_ABI_VERSION 1

// Result of a function that can fail.
typedef enum dac_status {
    // The function did its work.
    DAC_OK = 0,
    // A file, the tokens, the weights or the device failed.
    DAC_ERROR = 1,
    // An argument is invalid: NULL, not UTF-8, out of range, or not possible with this model or stream.
    DAC_INVALID_ARGUMENT = 2,
} dac_status;

// Samples [channels][samples] and their rate.
typedef struct dac_audio dac_audio;

// Decodes codes piece by piece.
typedef struct dac_decoder dac_decoder;

// Decoders of one channel each that are computed together, with one pass over the weights.
typedef struct dac_decoder_group dac_decoder_group;

// Encodes a signal piece by piece.
typedef struct dac_encoder dac_encoder;

// Encoders of one channel each, at the model's rate, that are computed together.
typedef struct dac_encoder_group dac_encoder_group;

// A loaded model. Threads may share it.
typedef struct dac_model dac_model;

// Results of a step: one for each stream that had input or ended, in the order in which they joined.
typedef struct dac_step dac_step;

// Codes [channels][codebooks][frames] and their metadata.
typedef struct dac_tokens dac_tokens;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Releases audio.
void dac_audio_free(struct dac_audio *audio);

// Returns the number of channels; 0 for NULL.
size_t dac_audio_channels(const struct dac_audio *audio);

// Returns the number of samples per channel, which can be 0 for audio from a stream; 0 for NULL.
size_t dac_audio_samples(const struct dac_audio *audio);

// Returns the sample rate in Hz; 0 for NULL.
uint32_t dac_audio_sample_rate(const struct dac_audio *audio);

// Returns the samples of a channel; NULL if the audio has no samples or not this channel.
const float *dac_audio_channel(const struct dac_audio *audio, size_t channel);

// Decodes tokens at the model's rate. The audio is as long as the encoded signal if the tokens record its
// length, else all samples of the frames.
enum dac_status dac_decode(const struct dac_model *model,
                           const struct dac_tokens *tokens,
                           struct dac_audio **out);

// Begins the decode of codes of `channels` channels, at the model's rate.
enum dac_status dac_decoder_new(const struct dac_model *model,
                                size_t channels,
                                struct dac_decoder **out);

// Takes codes [channels][codebooks][frames] and returns the samples that are complete, possibly none.
enum dac_status dac_decoder_push_u16(struct dac_decoder *decoder,
                                     const uint16_t *codes,
                                     size_t codebooks,
                                     size_t frames,
                                     struct dac_audio **out);

// Does what dac_decoder_push_u16 does, for codes of 32 bits.
enum dac_status dac_decoder_push_u32(struct dac_decoder *decoder,
                                     const uint32_t *codes,
                                     size_t codebooks,
                                     size_t frames,
                                     struct dac_audio **out);

// Ends the signal and returns its remaining samples. Then the decoder can only be freed.
enum dac_status dac_decoder_finish(struct dac_decoder *decoder, struct dac_audio **out);

// Releases a decoder, also before the end of its signal.
void dac_decoder_free(struct dac_decoder *decoder);

// Encodes samples [channels][samples_per_channel] at `sample_rate_hz`, each channel by itself, with the
// first `codebooks` codebooks (0: all). Another rate than the model's is resampled.
enum dac_status dac_encode(const struct dac_model *model,
                           const float *samples,
                           size_t channels,
                           size_t samples_per_channel,
                           uint32_t sample_rate_hz,
                           size_t codebooks,
                           struct dac_tokens **out);

// Encodes an audio file, each channel by itself, with the first `codebooks` codebooks (0: all).
enum dac_status dac_encode_file(const struct dac_model *model,
                                const char *path,
                                size_t codebooks,
                                struct dac_tokens **out);

// Begins the encode of a signal of `channels` channels at `sample_rate_hz`, each encoded by itself with the
// first `codebooks` codebooks (0: all).
enum dac_status dac_encoder_new(const struct dac_model *model,
                                uint32_t sample_rate_hz,
                                size_t channels,
                                size_t codebooks,
                                struct dac_encoder **out);

// Takes samples [channels][samples_per_channel] and returns the codes that are complete, possibly of 0
// frames.
enum dac_status dac_encoder_push(struct dac_encoder *encoder,
                                 const float *samples,
                                 size_t samples_per_channel,
                                 struct dac_tokens **out);

// Ends the signal and returns its remaining codes. Then the encoder can only be freed.
enum dac_status dac_encoder_finish(struct dac_encoder *encoder, struct dac_tokens **out);

// Releases an encoder, also before the end of its signal.
void dac_encoder_free(struct dac_encoder *encoder);

// Makes a group of decoders without streams. Load the model with low_latency=1.
enum dac_status dac_decoder_group_new(const struct dac_model *model,
                                      struct dac_decoder_group **out);

// Adds a stream and stores its number, which no other stream of the group gets.
enum dac_status dac_decoder_group_join(struct dac_decoder_group *group, uint64_t *stream);

// Removes a stream with all of its signal that was not returned.
enum dac_status dac_decoder_group_leave(struct dac_decoder_group *group, uint64_t stream);

// Adds codes [codebooks][frames] of a stream to the next step.
enum dac_status dac_decoder_group_push_u16(struct dac_decoder_group *group,
                                           uint64_t stream,
                                           const uint16_t *codes,
                                           size_t codebooks,
                                           size_t frames);

// Does what dac_decoder_group_push_u16 does, for codes of 32 bits.
enum dac_status dac_decoder_group_push_u32(struct dac_decoder_group *group,
                                           uint64_t stream,
                                           const uint32_t *codes,
                                           size_t codebooks,
                                           size_t frames);

// Ends the signal of a stream with the next step, which returns its remaining samples. The stream can then
// begin another signal.
enum dac_status dac_decoder_group_end(struct dac_decoder_group *group,
                                      uint64_t stream);

// Discards the signal of a stream.
enum dac_status dac_decoder_group_reset(struct dac_decoder_group *group, uint64_t stream);

// Computes what was pushed since the last step, for all streams, and returns the samples that are complete.
enum dac_status dac_decoder_group_step(struct dac_decoder_group *group,
                                       struct dac_step **out);

// Releases a group with its streams.
void dac_decoder_group_free(struct dac_decoder_group *group);

// Makes a group of encoders without streams, with the first `codebooks` codebooks (0: all). Load the model
// with low_latency=1.
enum dac_status dac_encoder_group_new(const struct dac_model *model,
                                      size_t codebooks,
                                      struct dac_encoder_group **out);

// Adds a stream and stores its number, which no other stream of the group gets.
enum dac_status dac_encoder_group_join(struct dac_encoder_group *group, uint64_t *stream);

// Removes a stream with all of its signal that was not returned.
enum dac_status dac_encoder_group_leave(struct dac_encoder_group *group, uint64_t stream);

// Adds samples of a stream, at the model's rate, to the next step.
enum dac_status dac_encoder_group_push(struct dac_encoder_group *group,
                                       uint64_t stream,
                                       const float *samples,
                                       size_t length);

// Ends the signal of a stream with the next step, which returns its remaining codes. The stream can then
// begin another signal.
enum dac_status dac_encoder_group_end(struct dac_encoder_group *group,
                                      uint64_t stream);

// Discards the signal of a stream.
enum dac_status dac_encoder_group_reset(struct dac_encoder_group *group, uint64_t stream);

// Computes what was pushed since the last step, for all streams, and returns the codes that are complete.
enum dac_status dac_encoder_group_step(struct dac_encoder_group *group,
                                       struct dac_step **out);

// Releases a group with its streams.
void dac_encoder_group_free(struct dac_encoder_group *group);

// Releases audio.
void dac_audio_free(struct dac_audio *audio);

// Returns the number of channels; 0 for NULL.
size_t dac_audio_channels(const struct dac_audio *audio);

// Returns the number of samples per channel, which can be 0 for audio from a stream; 0 for NULL.
size_t dac_audio_samples(const struct dac_audio *audio);

// Returns the sample rate in Hz; 0 for NULL.
uint32_t dac_audio_sample_rate(const struct dac_audio *audio);

// Returns the samples of a channel; NULL if the audio has no samples or not this channel.
const float *dac_audio_channel(const struct dac_audio *audio, size_t channel);

// Decodes tokens at the model's rate. The audio is as long as the encoded signal if the tokens record its
// length, else all samples of the frames.
enum dac_status dac_decode(const struct dac_model *model,
                           const struct dac_tokens *tokens,
                           struct dac_audio **out);

// Begins the decode of codes of `channels` channels, at the model's rate.
enum dac_status dac_decoder_new(const struct dac_model *model,
                                size_t channels,
                                struct dac_decoder **out);

// Takes codes [channels][codebooks][frames] and returns the samples that are complete, possibly none.
enum dac_status dac_decoder_push_u16(struct dac_decoder *decoder,
                                     const uint16_t *codes,
                                     size_t codebooks,
                                     size_t frames,
                                     struct dac_audio **out);

// Does what dac_decoder_push_u16 does, for codes of 32 bits.
enum dac_status dac_decoder_push_u32(struct dac_decoder *decoder,
                                     const uint32_t *codes,
                                     size_t codebooks,
                                     size_t frames,
                                     struct dac_audio **out);

// Ends the signal and returns its remaining samples. Then the decoder can only be freed.
enum dac_status dac_decoder_finish(struct dac_decoder *decoder, struct dac_audio **out);

// Releases a decoder, also before the end of its signal.
void dac_decoder_free(struct dac_decoder *decoder);

// Encodes samples [channels][samples_per_channel] at `sample_rate_hz`, each channel by itself, with the
// first `codebooks` codebooks (0: all). Another rate than the model's is resampled.
enum dac_status dac_encode(const struct dac_model *model,
                           const float *samples,
                           size_t channels,
                           size_t samples_per_channel,
                           uint32_t sample_rate_hz,
                           size_t codebooks,
                           struct dac_tokens **out);

// Encodes an audio file, each channel by itself, with the first `codebooks` codebooks (0: all).
enum dac_status dac_encode_file(const struct dac_model *model,
                                const char *path,
                                size_t codebooks,
                                struct dac_tokens **out);

// Begins the encode of a signal of `channels` channels at `sample_rate_hz`, each encoded by itself with the
// first `codebooks` codebooks (0: all).
enum dac_status dac_encoder_new(const struct dac_model *model,
                                uint32_t sample_rate_hz,
                                size_t channels,
                                size_t codebooks,
                                struct dac_encoder **out);

// Takes samples [channels][samples_per_channel] and returns the codes that are complete, possibly of 0
// frames.
enum dac_status dac_encoder_push(struct dac_encoder *encoder,
                                 const float *samples,
                                 size_t samples_per_channel,
                                 struct dac_tokens **out);

// Ends the signal and returns its remaining codes. Then the encoder can only be freed.
enum dac_status dac_encoder_finish(struct dac_encoder *encoder, struct dac_tokens **out);

// Releases an encoder, also before the end of its signal.
void dac_encoder_free(struct dac_encoder *encoder);

// Makes a group of decoders without streams. Load the model with low_latency=1.
enum dac_status dac_decoder_group_new(const struct dac_model *model,
                                      struct dac_decoder_group **out);

// Adds a stream and stores its number, which no other stream of the group gets.
enum dac_status dac_decoder_group_join(struct dac_decoder_group *group, uint64_t *stream);

// Removes a stream with all of its signal that was not returned.
enum dac_status dac_decoder_group_leave(struct dac_decoder_group *group, uint64_t stream);

// Adds codes [codebooks][frames] of a stream to the next step.
enum dac_status dac_decoder_group_push_u16(struct dac_decoder_group *group,
                                           uint64_t stream,
                                           const uint16_t *codes,
                                           size_t codebooks,
                                           size_t frames);

// Does what dac_decoder_group_push_u16 does, for codes of 32 bits.
enum dac_status dac_decoder_group_push_u32(struct dac_decoder_group *group,
                                           uint64_t stream,
                                           const uint32_t *codes,
                                           size_t codebooks,
                                           size_t frames);

// Ends the signal of a stream with the next step, which returns its remaining samples. The stream can then
// begin another signal.
enum dac_status dac_decoder_group_end(struct dac_decoder_group *group,
                                      uint64_t stream);

// Discards the signal of a stream.
enum dac_status dac_decoder_group_reset(struct dac_decoder_group *group, uint64_t stream);

// Computes what was pushed since the last step, for all streams, and returns the samples that are complete.
enum dac_status dac_decoder_group_step(struct dac_decoder_group *group,
                                       struct dac_step **out);

// Releases a group with its streams.
void dac_decoder_group_free(struct dac_decoder_group *group);

// Makes a group of encoders without streams, with the first `codebooks` codebooks (0: all). Load the model
// with low_latency=1.
enum dac_status dac_encoder_group_new(const struct dac_model *model,
                                      size_t codebooks,
                                      struct dac_encoder_group **out);

// Adds a stream and stores its number, which no other stream of the group gets.
enum dac_status dac_encoder_group_join(struct dac_encoder_group *group, uint64_t *stream);

// Removes a stream with all of its signal that was not returned.
enum dac_status dac_encoder_group_leave(struct dac_encoder_group *group, uint64_t stream);

// Adds samples of a stream, at the model's rate, to the next step.
enum dac_status dac_encoder_group_push(struct dac_encoder_group *group,
                                       uint64_t stream,
                                       const float *samples,
                                       size_t length);

// Ends the signal of a stream with the next step, which returns its remaining codes. The stream can then
// begin another signal.
enum dac_status dac_encoder_group_end(struct dac_encoder_group *group,
                                      uint64_t stream);

// Discards the signal of a stream.
enum dac_status dac_encoder_group_reset(struct dac_encoder_group *group, uint64_t stream);

// Computes what was pushed since the last step, for all streams, and returns the codes that are complete.
enum dac_status dac_encoder_group_step(struct dac_encoder_group *group,
                                       struct dac_step **out);

// Releases a group with its streams.
void dac_encoder_group_free(struct dac_encoder_group *group);

// Loads a model: the name of a published one (such as "44khz", found in the caches of this machine), "tiny",
// which is part of the library, or the path of a weights file. Nothing is downloaded.
//
// `options` is NULL or a list such as "threads=4,low_latency=1" of
// - device: cpu (default), or a device that the library was built with;
// - precision: f32 (default), exact or bf16;
// - threads: of this model; 0 (default) uses one for each processor, shared by all models;
// - low_latency: 1 makes streams and groups return their results as early as possible; default 0;
// - prepared: off (default), read, or write: use, and write if missing, prepared weights in the cache.
enum dac_status dac_model_load(const char *model,
                               const char *options,
                               struct dac_model **out);

// Releases a model.
void dac_model_free(struct dac_model *model);

// Returns the sample rate in Hz; 0 for NULL.
uint32_t dac_model_sample_rate(const struct dac_model *model);

// Returns the number of codebooks; 0 for NULL.
size_t dac_model_codebooks(const struct dac_model *model);

// Returns the number of entries of a codebook: codes are smaller; 0 for NULL.
size_t dac_model_codebook_size(const struct dac_model *model);

// Returns the samples of a frame, at the model's rate; 0 for NULL.
size_t dac_model_hop_samples(const struct dac_model *model);

// Returns the samples, at the model's rate, that have to follow a frame's first one before a stream with
// low latency returns the frame; 0 for NULL.
size_t dac_model_encoder_latency_samples(const struct dac_model *model);

// Returns the frames that have to follow a frame before a stream with low latency has returned all of its
// samples; 0 for NULL.
size_t dac_model_decoder_latency_frames(const struct dac_model *model);

// Returns the SHA-256 of the weights in lower-case hexadecimal; NULL for NULL.
const char *dac_model_weights_sha256(const struct dac_model *model);

// Returns DAC_ABI_VERSION of the library.
uint32_t dac_abi_version(void);

// Returns the library's version, such as "0.1.0".
const char *dac_version(void);

// Returns the text of the last error of the calling thread, which is valid until the next error of this
// thread; an empty text before the first one.
const char *dac_last_error(void);

// Returns the number of results; 0 for NULL.
size_t dac_step_results(const struct dac_step *step);

// Returns the stream of a result; UINT64_MAX if there is no such result.
uint64_t dac_step_stream(const struct dac_step *step, size_t index);

// Returns the error of a result, after which its stream was reset; NULL if it succeeded.
const char *dac_step_error(const struct dac_step *step, size_t index);

// Returns the samples of a decoder's result, one channel at the model's rate; NULL after an error.
const struct dac_audio *dac_step_audio(const struct dac_step *step, size_t index);

// Returns the codes of an encoder's result, one channel; NULL after an error.
const struct dac_tokens *dac_step_tokens(const struct dac_step *step, size_t index);

// Releases the results of a step, with all that the functions above returned.
void dac_step_free(struct dac_step *step);

// Makes tokens from codes [channels][codebooks][frames], which are copied; they have no metadata.
enum dac_status dac_tokens_from_u16(const uint16_t *codes,
                                    size_t channels,
                                    size_t codebooks,
                                    size_t frames,
                                    struct dac_tokens **out);

// Does what dac_tokens_from_u16 does, for codes of 32 bits.
enum dac_status dac_tokens_from_u32(const uint32_t *codes,
                                    size_t channels,
                                    size_t codebooks,
                                    size_t frames,
                                    struct dac_tokens **out);

// Reads a token file, whose format is detected from its content.
enum dac_status dac_tokens_load(const char *path, struct dac_tokens **out);

// Writes a token file, which appears whole or not at all. `format` is its name without a dot, such as "npy";
// NULL takes the extension of `path`.
enum dac_status dac_tokens_save(const struct dac_tokens *tokens,
                                const char *path,
                                const char *format);

// Releases tokens.
void dac_tokens_free(struct dac_tokens *tokens);

// Returns the number of channels; 0 for NULL.
size_t dac_tokens_channels(const struct dac_tokens *tokens);

// Returns the number of codebooks; 0 for NULL.
size_t dac_tokens_codebooks(const struct dac_tokens *tokens);

// Returns the number of frames, which can be 0 for tokens from a stream; 0 for NULL.
size_t dac_tokens_frames(const struct dac_tokens *tokens);

// Returns the codes [channels][codebooks][frames]; NULL if the tokens have no codes.
const uint16_t *dac_tokens_codes(const struct dac_tokens *tokens);

// Copies the codes [channels][codebooks][frames] to `out`, an array of `length` values of 32 bits. `length`
// must be channels * codebooks * frames.
enum dac_status dac_tokens_copy_u32(const struct dac_tokens *tokens,
                                    uint32_t *out,
                                    size_t length);

// Loads a model: the name of a published one (such as "44khz", found in the caches of this machine), "tiny",
// which is part of the library, or the path of a weights file. Nothing is downloaded.
//
// `options` is NULL or a list such as "threads=4,low_latency=1" of
// - device: cpu (default), or a device that the library was built with;
// - precision: f32 (default), exact or bf16;
// - threads: of this model; 0 (default) uses one for each processor, shared by all models;
// - low_latency: 1 makes streams and groups return their results as early as possible; default 0;
// - prepared: off (default), read, or write: use, and write if missing, prepared weights in the cache.
enum dac_status dac_model_load(const char *model,
                               const char *options,
                               struct dac_model **out);

// Releases a model.
void dac_model_free(struct dac_model *model);

// Returns the sample rate in Hz; 0 for NULL.
uint32_t dac_model_sample_rate(const struct dac_model *model);

// Returns the number of codebooks; 0 for NULL.
size_t dac_model_codebooks(const struct dac_model *model);

// Returns the number of entries of a codebook: codes are smaller; 0 for NULL.
size_t dac_model_codebook_size(const struct dac_model *model);

// Returns the samples of a frame, at the model's rate; 0 for NULL.
size_t dac_model_hop_samples(const struct dac_model *model);

// Returns the samples, at the model's rate, that have to follow a frame's first one before a stream with
// low latency returns the frame; 0 for NULL.
size_t dac_model_encoder_latency_samples(const struct dac_model *model);

// Returns the frames that have to follow a frame before a stream with low latency has returned all of its
// samples; 0 for NULL.
size_t dac_model_decoder_latency_frames(const struct dac_model *model);

// Returns the SHA-256 of the weights in lower-case hexadecimal; NULL for NULL.
const char *dac_model_weights_sha256(const struct dac_model *model);

// Returns DAC_ABI_VERSION of the library.
uint32_t dac_abi_version(void);

// Returns the library's version, such as "0.1.0".
const char *dac_version(void);

// Returns the text of the last error of the calling thread, which is valid until the next error of this
// thread; an empty text before the first one.
const char *dac_last_error(void);

// Returns the number of results; 0 for NULL.
size_t dac_step_results(const struct dac_step *step);

// Returns the stream of a result; UINT64_MAX if there is no such result.
uint64_t dac_step_stream(const struct dac_step *step, size_t index);

// Returns the error of a result, after which its stream was reset; NULL if it succeeded.
const char *dac_step_error(const struct dac_step *step, size_t index);

// Returns the samples of a decoder's result, one channel at the model's rate; NULL after an error.
const struct dac_audio *dac_step_audio(const struct dac_step *step, size_t index);

// Returns the codes of an encoder's result, one channel; NULL after an error.
const struct dac_tokens *dac_step_tokens(const struct dac_step *step, size_t index);

// Releases the results of a step, with all that the functions above returned.
void dac_step_free(struct dac_step *step);

// Makes tokens from codes [channels][codebooks][frames], which are copied; they have no metadata.
enum dac_status dac_tokens_from_u16(const uint16_t *codes,
                                    size_t channels,
                                    size_t codebooks,
                                    size_t frames,
                                    struct dac_tokens **out);

// Does what dac_tokens_from_u16 does, for codes of 32 bits.
enum dac_status dac_tokens_from_u32(const uint32_t *codes,
                                    size_t channels,
                                    size_t codebooks,
                                    size_t frames,
                                    struct dac_tokens **out);

// Reads a token file, whose format is detected from its content.
enum dac_status dac_tokens_load(const char *path, struct dac_tokens **out);

// Writes a token file, which appears whole or not at all. `format` is its name without a dot, such as "npy";
// NULL takes the extension of `path`.
enum dac_status dac_tokens_save(const struct dac_tokens *tokens,
                                const char *path,
                                const char *format);

// Releases tokens.
void dac_tokens_free(struct dac_tokens *tokens);

// Returns the number of channels; 0 for NULL.
size_t dac_tokens_channels(const struct dac_tokens *tokens);

// Returns the number of codebooks; 0 for NULL.
size_t dac_tokens_codebooks(const struct dac_tokens *tokens);

// Returns the number of frames, which can be 0 for tokens from a stream; 0 for NULL.
size_t dac_tokens_frames(const struct dac_tokens *tokens);

// Returns the codes [channels][codebooks][frames]; NULL if the tokens have no codes.
const uint16_t *dac_tokens_codes(const struct dac_tokens *tokens);

// Copies the codes [channels][codebooks][frames] to `out`, an array of `length` values of 32 bits. `length`
// must be channels * codebooks * frames.
enum dac_status dac_tokens_copy_u32(const struct dac_tokens *tokens,
                                    uint32_t *out,
                                    size_t length);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* DAC_H */

// Tests of the C interface: `cargo xtask capi` compiles, links and runs this file.
//
//     capi DIRECTORY
//
// writes token files to DIRECTORY and prints "ok".

#include <dac.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOP 512
#define CODEBOOKS 9
#define FRAMES 11
#define SAMPLES ((FRAMES - 1) * HOP + 100)

static void fail(const char *file, int line, const char *text) {
    fprintf(stderr, "%s:%d: %s; last error: %s\n", file, line, text, dac_last_error());
    exit(1);
}

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) fail(__FILE__, __LINE__, #condition);                                              \
    } while (0)
#define OK(call) CHECK((call) == DAC_OK)
// Expects a status and a part of its error text.
#define FAILS(call, status, text)                                                                            \
    do {                                                                                                     \
        CHECK((call) == (status));                                                                           \
        CHECK(strstr(dac_last_error(), (text)) != NULL);                                                     \
    } while (0)

static float signal_at(size_t n) {
    return 0.3f * sinf(0.05f * (float)n) + 0.1f * sinf(0.31f * (float)n);
}

// Samples that are collected piece by piece.
typedef struct {
    float *values;
    size_t length;
} samples;

static void append(samples *all, const dac_audio *audio) {
    size_t length = dac_audio_samples(audio);
    if (length == 0) return;
    all->values = realloc(all->values, (all->length + length) * sizeof(float));
    memcpy(all->values + all->length, dac_audio_channel(audio, 0), length * sizeof(float));
    all->length += length;
}

static void test_errors(const dac_model *model, const char *directory) {
    dac_model *none = (dac_model *)1;
    FAILS(dac_model_load("/no/such/file", NULL, &none), DAC_ERROR, "/no/such/file");
    CHECK(none == NULL);
    FAILS(dac_model_load(NULL, NULL, &none), DAC_INVALID_ARGUMENT, "model is NULL");
    FAILS(dac_model_load("tiny", NULL, NULL), DAC_INVALID_ARGUMENT, "the output parameter is NULL");
    FAILS(dac_model_load("tiny", "thread=1", &none), DAC_INVALID_ARGUMENT, "the options contain 'thread=1'");
    FAILS(dac_model_load("tiny", "threads=many", &none), DAC_INVALID_ARGUMENT, "threads is 'many'");
    FAILS(dac_model_load("\xff", NULL, &none), DAC_INVALID_ARGUMENT, "model is not UTF-8");

    dac_tokens *tokens = NULL;
    float nan_samples[HOP] = {NAN};
    FAILS(dac_encode(model, nan_samples, 1, HOP, 44100, 0, &tokens), DAC_ERROR, "NaN");
    FAILS(dac_encode(model, NULL, 1, HOP, 44100, 0, &tokens), DAC_INVALID_ARGUMENT, "samples is NULL");
    FAILS(dac_encode(model, NULL, 1, 0, 44100, 0, &tokens), DAC_ERROR, "no samples");
    FAILS(dac_encode(model, nan_samples, SIZE_MAX, 2, 44100, 0, &tokens), DAC_INVALID_ARGUMENT, "larger than");
    float silence[HOP] = {0};
    FAILS(dac_encode(model, silence, 1, HOP, 44100, 99, &tokens), DAC_INVALID_ARGUMENT, "99");
    FAILS(dac_encode(NULL, silence, 1, HOP, 44100, 0, &tokens), DAC_INVALID_ARGUMENT, "model is NULL");
    uint32_t large[CODEBOOKS] = {70000};
    FAILS(dac_tokens_from_u32(large, 1, CODEBOOKS, 1, &tokens), DAC_INVALID_ARGUMENT, "70000");
    CHECK(tokens == NULL);
    FAILS(dac_tokens_load(directory, &tokens), DAC_ERROR, directory);

    uint16_t codes[CODEBOOKS] = {0};
    codes[3] = 1024;
    OK(dac_tokens_from_u16(codes, 1, CODEBOOKS, 1, &tokens));
    dac_audio *audio = NULL;
    FAILS(dac_decode(model, tokens, &audio), DAC_ERROR, "1024");
    char path[4096];
    snprintf(path, sizeof path, "%s/a.unknown", directory);
    FAILS(dac_tokens_save(tokens, path, NULL), DAC_INVALID_ARGUMENT, "unknown token format");
    uint32_t copy[CODEBOOKS];
    FAILS(dac_tokens_copy_u32(tokens, copy, 3), DAC_INVALID_ARGUMENT, "length is 3, expected 9");
    dac_tokens_free(tokens);

    CHECK(dac_model_sample_rate(NULL) == 0 && dac_tokens_frames(NULL) == 0 && dac_tokens_codes(NULL) == NULL);
    CHECK(dac_audio_channel(NULL, 0) == NULL && dac_step_results(NULL) == 0);
    dac_model_free(NULL);
    dac_tokens_free(NULL);
    dac_audio_free(NULL);
    dac_step_free(NULL);
}

// Encodes, saves, loads and decodes; returns tokens of the signal.
static dac_tokens *test_whole_signals(const dac_model *model, const float *signal, const char *directory) {
    dac_tokens *tokens, *loaded, *copied;
    OK(dac_encode(model, signal, 1, SAMPLES, 44100, 0, &tokens));
    size_t frames = dac_tokens_frames(tokens), length = CODEBOOKS * frames;
    CHECK(dac_tokens_channels(tokens) == 1 && dac_tokens_codebooks(tokens) == CODEBOOKS && frames == FRAMES);
    char path[4096];
    snprintf(path, sizeof path, "%s/tokens.npy", directory);
    OK(dac_tokens_save(tokens, path, NULL));
    OK(dac_tokens_load(path, &loaded));
    CHECK(memcmp(dac_tokens_codes(loaded), dac_tokens_codes(tokens), length * sizeof(uint16_t)) == 0);

    // Tokens that record the input's length decode to it, others to all samples of their frames.
    snprintf(path, sizeof path, "%s/tokens", directory);
    OK(dac_tokens_save(tokens, path, "dacp"));
    dac_tokens_free(loaded);
    OK(dac_tokens_load(path, &loaded));
    dac_audio *audio;
    OK(dac_decode(model, loaded, &audio));
    CHECK(dac_audio_samples(audio) == SAMPLES && dac_audio_channels(audio) == 1);
    CHECK(dac_audio_sample_rate(audio) == 44100 && dac_audio_channel(audio, 1) == NULL);
    uint32_t *codes = malloc(length * sizeof(uint32_t));
    OK(dac_tokens_copy_u32(tokens, codes, length));
    OK(dac_tokens_from_u32(codes, 1, CODEBOOKS, frames, &copied));
    dac_audio *all;
    OK(dac_decode(model, copied, &all));
    CHECK(dac_audio_samples(all) >= SAMPLES);
    CHECK(memcmp(dac_audio_channel(all, 0), dac_audio_channel(audio, 0), SAMPLES * sizeof(float)) == 0);
    free(codes);
    dac_audio_free(audio);
    dac_audio_free(all);
    dac_tokens_free(loaded);
    dac_tokens_free(copied);

    // Two channels, encoded each by itself, at another rate.
    OK(dac_encode(model, signal, 2, SAMPLES / 2, 22050, 3, &copied));
    CHECK(dac_tokens_channels(copied) == 2 && dac_tokens_codebooks(copied) == 3);
    dac_tokens_free(copied);
    return tokens;
}

static void test_streams(const dac_model *model, const float *signal) {
    // The codes of pieces are those of the whole, up to rounding: compare their number only.
    dac_encoder *encoder;
    dac_tokens *part;
    size_t frames = 0;
    OK(dac_encoder_new(model, 44100, 1, 0, &encoder));
    for (size_t at = 0; at < SAMPLES; at += 1000) {
        size_t length = SAMPLES - at < 1000 ? SAMPLES - at : 1000;
        OK(dac_encoder_push(encoder, signal + at, length, &part));
        CHECK(dac_tokens_codebooks(part) == CODEBOOKS);
        frames += dac_tokens_frames(part);
        dac_tokens_free(part);
    }
    CHECK(frames > 0);
    OK(dac_encoder_finish(encoder, &part));
    frames += dac_tokens_frames(part);
    CHECK(frames == FRAMES);
    dac_tokens_free(part);
    FAILS(dac_encoder_push(encoder, signal, HOP, &part), DAC_INVALID_ARGUMENT, "the stream has ended");
    dac_encoder_free(encoder);
    OK(dac_encoder_new(model, 44100, 1, 0, &encoder));
    dac_encoder_free(encoder);
}

// Decodes frames one by one with a stream.
static samples decode_stream(const dac_model *model, const uint16_t *codes, size_t frames) {
    dac_decoder *decoder;
    dac_audio *audio;
    samples all = {NULL, 0};
    OK(dac_decoder_new(model, 1, &decoder));
    for (size_t frame = 0; frame < frames; frame++) {
        uint16_t column[CODEBOOKS];
        uint32_t wide[CODEBOOKS];
        for (size_t k = 0; k < CODEBOOKS; k++) wide[k] = column[k] = codes[k * frames + frame];
        if (frame % 2 == 0) {
            OK(dac_decoder_push_u16(decoder, column, CODEBOOKS, 1, &audio));
        } else {
            OK(dac_decoder_push_u32(decoder, wide, CODEBOOKS, 1, &audio));
        }
        append(&all, audio);
        dac_audio_free(audio);
    }
    OK(dac_decoder_finish(decoder, &audio));
    append(&all, audio);
    dac_audio_free(audio);
    FAILS(dac_decoder_finish(decoder, &audio), DAC_INVALID_ARGUMENT, "the stream has ended");
    dac_decoder_free(decoder);
    return all;
}

static void test_decoder_group(const dac_model *model, const uint16_t *codes, size_t frames) {
    samples expected = decode_stream(model, codes, frames), got[2] = {{NULL, 0}, {NULL, 0}};
    dac_decoder_group *group;
    dac_step *step;
    uint64_t streams[2];
    OK(dac_decoder_group_new(model, &group));
    OK(dac_decoder_group_join(group, &streams[0]));
    OK(dac_decoder_group_join(group, &streams[1]));
    CHECK(streams[0] != streams[1]);
    // The second stream begins three frames later.
    for (size_t frame = 0; frame < frames + 3; frame++) {
        for (size_t i = 0; i < 2; i++) {
            size_t at = frame - 3 * i;
            if (at >= frames) continue;
            uint16_t column[CODEBOOKS];
            for (size_t k = 0; k < CODEBOOKS; k++) column[k] = codes[k * frames + at];
            OK(dac_decoder_group_push_u16(group, streams[i], column, CODEBOOKS, 1));
            if (at + 1 == frames) OK(dac_decoder_group_end(group, streams[i]));
        }
        OK(dac_decoder_group_step(group, &step));
        for (size_t at = 0; at < dac_step_results(step); at++) {
            CHECK(dac_step_error(step, at) == NULL && dac_step_tokens(step, at) == NULL);
            append(&got[dac_step_stream(step, at) == streams[1]], dac_step_audio(step, at));
        }
        CHECK(dac_step_audio(step, 99) == NULL && dac_step_stream(step, 99) == UINT64_MAX);
        dac_step_free(step);
    }
    for (size_t i = 0; i < 2; i++) {
        CHECK(got[i].length == expected.length);
        CHECK(memcmp(got[i].values, expected.values, expected.length * sizeof(float)) == 0);
        free(got[i].values);
    }
    free(expected.values);
    uint32_t column[CODEBOOKS] = {0};
    OK(dac_decoder_group_reset(group, streams[0]));
    OK(dac_decoder_group_leave(group, streams[0]));
    FAILS(dac_decoder_group_push_u32(group, streams[0], column, CODEBOOKS, 1), DAC_INVALID_ARGUMENT,
          "stream 0 is not in this group");
    FAILS(dac_decoder_group_leave(group, 7), DAC_INVALID_ARGUMENT, "stream 7 is not in this group");
    FAILS(dac_decoder_group_join(group, NULL), DAC_INVALID_ARGUMENT, "stream is NULL");
    FAILS(dac_decoder_group_step(NULL, &step), DAC_INVALID_ARGUMENT, "group is NULL");
    dac_decoder_group_free(group);
}

static void test_encoder_group(const dac_model *model, const float *signal) {
    dac_encoder_group *group;
    dac_step *step;
    uint64_t stream, other;
    size_t frames = 0;
    OK(dac_encoder_group_new(model, 4, &group));
    OK(dac_encoder_group_join(group, &stream));
    OK(dac_encoder_group_join(group, &other));
    OK(dac_encoder_group_reset(group, other));
    for (size_t at = 0; at < SAMPLES; at += 3 * HOP) {
        size_t length = SAMPLES - at < 3 * HOP ? SAMPLES - at : 3 * HOP;
        OK(dac_encoder_group_push(group, stream, signal + at, length));
        OK(dac_encoder_group_push(group, other, signal, HOP));
        if (at + length == SAMPLES) OK(dac_encoder_group_end(group, stream));
        OK(dac_encoder_group_step(group, &step));
        CHECK(dac_step_results(step) == 2 && dac_step_stream(step, 0) == stream);
        CHECK(dac_step_audio(step, 0) == NULL && dac_tokens_codebooks(dac_step_tokens(step, 0)) == 4);
        frames += dac_tokens_frames(dac_step_tokens(step, 0));
        dac_step_free(step);
    }
    CHECK(frames == FRAMES);
    OK(dac_encoder_group_leave(group, other));
    float infinite = INFINITY;
    FAILS(dac_encoder_group_push(group, stream, &infinite, 1), DAC_ERROR, "the samples: sample 0");
    dac_encoder_group_free(group);
}

int main(int count, char **arguments) {
    if (count != 2) return 2;
    CHECK(dac_abi_version() == DAC_ABI_VERSION);
    CHECK(strlen(dac_version()) > 0 && strlen(dac_last_error()) == 0);
    dac_model *model;
    OK(dac_model_load("tiny", "threads=1,low_latency=1", &model));
    CHECK(dac_model_sample_rate(model) == 44100 && dac_model_codebooks(model) == CODEBOOKS);
    CHECK(dac_model_codebook_size(model) == 1024 && dac_model_hop_samples(model) == HOP);
    CHECK(dac_model_encoder_latency_samples(model) > 0 && dac_model_decoder_latency_frames(model) > 0);
    CHECK(strlen(dac_model_weights_sha256(model)) == 64);

    float *signal = malloc(SAMPLES * sizeof(float));
    for (size_t n = 0; n < SAMPLES; n++) signal[n] = signal_at(n);
    test_errors(model, arguments[1]);
    dac_tokens *tokens = test_whole_signals(model, signal, arguments[1]);
    test_streams(model, signal);
    test_decoder_group(model, dac_tokens_codes(tokens), dac_tokens_frames(tokens));
    test_encoder_group(model, signal);
    dac_tokens_free(tokens);
    free(signal);
    dac_model_free(model);
    puts("ok");
    return 0;
}

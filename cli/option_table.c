/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <osprey/engine.h>

#define FIELD(field) .offset = offsetof(cli_options, field)
#define CHOICES(...)                                                                               \
    .choices = (const char *const[])                                                               \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define MODEL_COMMANDS   (CLI_ALL_COMMANDS & ~CLI_CACHE)
#define IMAGE_COMMANDS   (CLI_CLASSIFY | CLI_EMBED | CLI_SCORE | CLI_PREPROCESS)
#define COMPUTE_THREADS  (IMAGE_COMMANDS | CLI_BENCH)
#define MODEL_RUNNERS    (CLI_CLASSIFY | CLI_EMBED | CLI_SCORE | CLI_BENCH)
#define PRECISE_COMMANDS (MODEL_RUNNERS | CLI_COMPILE)

const cli_option_spec cli_option_table[] = {
    {"model", 'm', CLI_STRING, MODEL_COMMANDS, FIELD(model), .value = "DIR|FILE",
     .help = "The model: a directory as published, in the Hugging Face or the OpenCLIP layout, a "
             "weight file (safetensors, PyTorch's .bin and .pt, OpenAI's TorchScript archives), or "
             "an engine that osprey compile made. Without it, the small demonstration model that "
             "comes with osprey."},
    {"arch", 0, CLI_STRING, MODEL_COMMANDS, FIELD(arch), .value = "NAME",
     .help = "OpenCLIP's name of the architecture, such as ViT-B-32 or ViT-B-32-quickgelu, for "
             "weights without a configuration."},
    {"weights", 0, CLI_STRING, MODEL_COMMANDS, FIELD(weights), .value = "FILE",
     .help = "Which weight file of the model's directory to read, or one elsewhere. Without it, "
             "the safest that is sound: safetensors before PyTorch's."},
    {"image-size", 0, CLI_SIZE, MODEL_COMMANDS, FIELD(image_size), .value = "PIXELS", .least = 1,
     .most = 16384,
     .help = "Take images of so many pixels along both sides, not those that the model was trained "
             "with: a multiple of its patch size. The embeddings of positions are interpolated. "
             "An engine keeps the size that it was compiled with."},
    {"labels", 0, CLI_STRING, CLI_CLASSIFY, FIELD(labels), .value = "A,B,C|@FILE",
     .help = "The labels to choose from, or a file with one a line (blank lines are skipped; "
             "@- is standard input). Without it: the classes of the model's own head."},
    {"template", 0, CLI_STRINGS, CLI_CLASSIFY | CLI_COMPILE, FIELD(template), .value = "TEXT",
     .may_be_empty = true, .needs = "labels", .rivals = CLI_RIVAL_PROMPTS,
     .help = "Prompt with {} or {label} where the label goes. May be given several times: the "
             "templates are averaged. Without any: those that the model brings, or that its engine "
             "was compiled with; else \"a photo of a {}.\", to SigLIP \"This is a photo of {}.\"."},
    {"templates", 0, CLI_STRING, CLI_CLASSIFY | CLI_COMPILE, FIELD(templates),
     .value = "@FILE|NAME", .needs = "labels", .rivals = CLI_RIVAL_PROMPTS,
     .help = "Templates from a file, one a line, or built in: imagenet (80), simple (7), none (the "
             "label alone)."},
    {"ensemble", 0, CLI_CHOICE, CLI_CLASSIFY, FIELD(ensemble), .fallback = "embedding",
     CHOICES("embedding", "probability"), .value = "WHAT",
     .help = "What is averaged over the templates."},
    {"top", 0, CLI_SIZE, CLI_CLASSIFY, FIELD(top), .value = "K", .fallback = "5", .most = 10000000,
     .help = "Show the K best labels of each image; 0 shows all."},
    {"threshold", 0, CLI_NUMBER, CLI_CLASSIFY, FIELD(threshold), .value = "SCORE", .fallback = "0",
     .help = "Leave out labels whose score is lower."},
    {"activation", 0, CLI_CHOICE, CLI_CLASSIFY, FIELD(activation), .fallback = "trained",
     CHOICES("trained", "softmax", "sigmoid"), .value = "HOW",
     .help = "Scores over all labels that sum to 1 (softmax), or each label's own probability "
             "(sigmoid); by default as the model was trained: SigLIP with sigmoids, CLIP with a "
             "softmax."},
    {"head", 0, CLI_STRING, CLI_SCORE, FIELD(head), .value = "FILE",
     .help =
         "The linear head: PyTorch's state dict or a safetensors file with a matrix [outputs,D] "
         "and perhaps a bias."},
    {"embeddings", 0, CLI_STRINGS, CLI_SCORE, FIELD(embeddings), .value = "FILE.npy",
     .rivals = CLI_RIVAL_INPUTS,
     .help = "Embeddings to rate: float32 [N,D], as osprey embed --format npy writes them. May be "
             "given several times."},
    {"text", 0, CLI_STRINGS, CLI_EMBED, FIELD(text), .value = "TEXT", .may_be_empty = true,
     .rivals = CLI_RIVAL_INPUTS, .help = "A text to embed. May be given several times."},
    {"texts", 0, CLI_STRING, CLI_EMBED | CLI_TOKENIZE, FIELD(texts), .value = "@FILE",
     .rivals = CLI_RIVAL_INPUTS, .help = "Texts from a file, one a line (@- is standard input)."},
    {"pixels", 0, CLI_STRING, CLI_EMBED, FIELD(pixels), .value = "FILE.npy",
     .rivals = CLI_RIVAL_INPUTS,
     .help = "Images that are preprocessed already: float32 [N,3,H,W], or what preprocess writes "
             "for the model (- is standard input)."},
    {"format", 0, CLI_CHOICE, CLI_EMBED, FIELD(format), .fallback = "json",
     CHOICES("json", "npy", "csv"), .value = "FORMAT",
     .help = "json: one object a line. npy: float32 [N,D] for NumPy, in the inputs' order."},
    {"raw", 0, CLI_FLAG, CLI_EMBED, FIELD(raw),
     .help = "Embeddings as they leave the projection, not made unit length."},
    {"tower", 0, CLI_CHOICE, CLI_BENCH | CLI_COMPILE, FIELD(tower), .fallback = "both",
     CHOICES("image", "text", "both"), .value = "TOWER", .help = "Which of the model's towers."},
    {"batch", 0, CLI_SIZES, CLI_BENCH, FIELD(batches), .value = "N,N", .fallback = "1,8",
     .least = 1, .most = 65536, .help = "Batch sizes to measure, one case each."},
    {"batch", 0, CLI_SIZES, CLI_COMPILE, FIELD(batches), .value = "N,N", .fallback = "1,8,16",
     .least = 1, .most = OSPREY_ENGINE_BATCH_MAX,
     .help = "Batch sizes whose memory is planned, rising; the largest is how many images run at "
             "once."},
    {"precision", 0, CLI_CHOICE, PRECISE_COMMANDS, FIELD(precision), .fallback = "fp32",
     CHOICES("fp32", "bf16", "fp16", "int8", "int4"), .value = "PRECISION",
     .help =
         "Of the linears and convolutions. fp16 is multiplied as such where the CPU can "
         "(AVX-512 FP16, Armv8.2's FP16), elsewhere it is a way to store the weights: products "
         "are fp32. int8 keeps a ResNet's first convolution in bf16; int4 keeps any model's, the "
         "last projection and small weights in int8. The text tower's tables are fp16 in all "
         "but fp32. An engine has its own, and runs in no other."},
    {"keep", 0, CLI_STRINGS, CLI_COMPILE, FIELD(keep), .value = "PATTERN=PRECISION",
     .help =
         "Another precision for the layers whose name fits the pattern, such as "
         "'*.mlp.*=bf16'. May be given several times; the last that fits counts. The text tower's "
         "tables know fp32 and fp16."},
    {"verify", 0, CLI_STRINGS, CLI_COMPILE, FIELD(verify_images), .value = "IMAGES",
     .help =
         "Compare with fp32 on these images (files, a directory, @FILE for a list, or - for one on "
         "standard input; what stands on the command line besides is an image too) and on 80 "
         "prompts. "
         "Embeddings with a cosine below the limit stop the compilation: fp32 0.99999, bf16 "
         "and fp16 0.9995, int8 0.995, int4 0.9. With --calibrate, what --static would give is "
         "measured, too, and stops nothing. With --tower text no image is read, and any word "
         "stands for them, as in --verify prompts. Takes up to three times the memory of the "
         "model's weights in fp32."},
    {"auto-keep", 0, CLI_FLAG, CLI_COMPILE, FIELD(auto_keep), .needs = "verify",
     .help = "With --verify: find the fewest layers that have to be kept in bf16, or fp32, to "
             "reach the limit, and keep them."},
    {"force", 0, CLI_FLAG, CLI_COMPILE, FIELD(force), .needs = "verify",
     .help = "With --verify: write the engine also where the limit is not reached."},
    {"prune", 0, CLI_STRINGS, CLI_COMPILE, FIELD(prune), .value = "heads|mlp=FRACTION",
     .help = "Leave out that fraction of each transformer layer's attention heads, or of its MLP's "
             "hidden channels: those of the smallest weights or, with --calibrate IMAGES, those "
             "that the result needs least. May be given for both. What it costs is told and kept "
             "in the engine."},
    {"token-merge", 0, CLI_SIZE, CLI_COMPILE, FIELD(token_merge), .value = "R", .least = 1,
     .most = 65536,
     .help = "Merge R of an image's tokens into others by each layer of a ViT, those most alike. "
             "With --verify IMAGES what this and --prune cost the image tower, and what they gain, "
             "is measured."},
    {"calibrate", 0, CLI_STRINGS, CLI_COMPILE, FIELD(calibrate), .value = "DIR|FILE|@LIST|-",
     .help = "Find static ranges for the int8 and int4 layers, for --static, and what to --prune, "
             "from these images: a "
             "directory, a file, a list of files, one a line (- is standard input). Some hundred, "
             "such as will be seen in use; of more than 512, 512 are taken, evenly spread. The "
             "text tower is calibrated with built-in prompts: with --tower text no image is read, "
             "and any word stands for them, as in --calibrate prompts. May be given several "
             "times."},
    {"method", 0, CLI_CHOICE, CLI_COMPILE, FIELD(method), .fallback = "minmax",
     CHOICES("minmax", "entropy"), .value = "METHOD", .needs = "calibrate",
     .help = "minmax: a range reaches to the largest magnitude seen. entropy: it is cut "
             "below that where finer steps gain more than what is cut off loses."},
    {"static", 0, CLI_FLAG, MODEL_RUNNERS, FIELD(static_ranges),
     .help = "Quantize the inputs of int8 and int4 layers by the ranges that the engine was "
             "calibrated with, instead of finding one for each row."},
    {"tune", 0, CLI_CHOICE, CLI_COMPILE, FIELD(tune), .fallback = "none",
     CHOICES("none", "quick", "full"), .value = "HOW",
     .help =
         "Time on this machine how the products are best split into tasks, for each --batch, "
         "and keep it in the engine: quick for about a quarter of a minute, full for up to five "
         "minutes. No result depends on it."},
    {"threads", 0, CLI_SIZE, CLI_COMPILE, FIELD(threads), .value = "N", .fallback = "0",
     .most = 256, .needs = "tune",
     .help = "Threads that the engine is tuned for; 0: one a core. With another number it runs "
             "untuned."},
    {"portable", 0, CLI_FLAG, CLI_COMPILE, FIELD(portable),
     .help = "Keep the weights as published too, so that the engine also runs, after packing them "
             "in memory, where its instruction set is missing."},
    {"dump-graph", 0, CLI_STRING, CLI_COMPILE, FIELD(dump_graph), .value = "DIR",
     .help = "Write the text of each tower's graph there, as built and after each pass. "
             "Files that are there stay, or are replaced."},
    {"batch", 0, CLI_SIZE, CLI_CLASSIFY | CLI_EMBED | CLI_SCORE, FIELD(batch), .value = "N",
     .least = 1, .most = 65536,
     .help = "Images or texts that go through the model together (default: 8 images, 512 texts)."},
    {"threads", 0, CLI_SIZE, COMPUTE_THREADS, FIELD(threads), .value = "N", .fallback = "0",
     .most = 256, .help = "Threads for decoding and for the model; 0: one a core."},
    {"no-exif", 0, CLI_FLAG, IMAGE_COMMANDS, FIELD(no_exif), .of_files = true,
     .help = "Ignore the orientation that a camera noted in EXIF, as Pillow does."},
    {"exact", 0, CLI_FLAG, IMAGE_COMMANDS, FIELD(exact), .of_files = true,
     .help = "Decode JPEGs at their full size also where they are so much larger than what the "
             "model takes that a half, a quarter or an eighth of it would do."},
    {"verify", 0, CLI_FLAG, CLI_INSPECT, FIELD(verify),
     .help = "Read the whole engine and hold it against its checksums first."},
    {"no-cache", 0, CLI_FLAG, MODEL_RUNNERS, FIELD(no_cache),
     .help = "Read the model as it is, without the cache of compiled models."},
    {"cache-limit", 0, CLI_SIZE, MODEL_RUNNERS, FIELD(cache_limit), .value = "MIB",
     .fallback = "8192", .most = (size_t)1 << 40,
     .help = "What the cache may hold; 0 turns it off."},
    {"max-resident", 0, CLI_BYTES, MODEL_RUNNERS, FIELD(max_resident), .value = "BYTES",
     .most = SIZE_MAX,
     .help =
         "Stay below that much memory (K, M, G and T are 2^10, 2^20, 2^30 and 2^40): weights of an "
         "engine that do not fit are read from its file as they are used. 32 MiB are kept "
         "free for pictures and results, so that batches may be smaller than --batch. A model that "
         "is no engine is compiled into the cache first, without the limit. 0: no limit. osprey "
         "bench shows what it costs."},
    {"clear", 0, CLI_FLAG, CLI_CACHE, FIELD(clear),
     .help = "Remove all of them first, and nothing else."},
    {"json", 0, CLI_FLAG,
     CLI_CLASSIFY | CLI_SCORE | CLI_TOKENIZE | CLI_INSPECT | CLI_BENCH | CLI_CACHE, FIELD(json),
     .rivals = CLI_RIVAL_FORMS, .help = "Machine-readable: one JSON object a line."},
    {"csv", 0, CLI_FLAG, CLI_CLASSIFY, FIELD(csv), .rivals = CLI_RIVAL_FORMS,
     .help = "Comma-separated, with a header line. A failed input has no row."},
    {"output", 'o', CLI_STRING, CLI_COMPILE, FIELD(output), .value = "FILE",
     .help = "The engine to write. The file appears when all is done, or not at all."},
    {"output", 'o', CLI_STRING, CLI_ALL_COMMANDS & ~CLI_COMPILE, FIELD(output), .value = "FILE",
     .help = "Write there instead of to standard output. The file appears when all is done, or "
             "not at all."},
    {"help", 'h', CLI_FLAG, CLI_ALL_COMMANDS, FIELD(help), .only_here = true,
     .help = "Show this help."},
    {"version", 0, CLI_FLAG, CLI_ALL_COMMANDS, FIELD(version), .only_here = true,
     .help = "Show the version."},
};

const size_t cli_option_count = sizeof cli_option_table / sizeof *cli_option_table;

/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include "stopwatch.h"

#include <stdio.h>
#include <unistd.h>

#define BAR_COLUMNS         30
#define MS_BETWEEN_DRAWINGS 100.0

static struct {
    bool shown;   /* the terminals allow it */
    bool on_line; /* something is drawn now */
    bool percent;
    size_t total;
    double start_ms, drawn_ms;
} bar;

void cli_progress_start(size_t total, bool results_to_stdout)
{
    bar.shown = total > 1 && isatty(STDERR_FILENO) && !(results_to_stdout && isatty(STDOUT_FILENO));
    bar.total = total;
    bar.percent = false;
    bar.start_ms = bar.drawn_ms = cli_now_ms();
}

void cli_progress_start_percent(bool results_to_stdout)
{
    cli_progress_start(100, results_to_stdout);
    bar.percent = true;
}

void cli_progress_update(size_t done)
{
    double now_ms = cli_now_ms();
    if (!bar.shown || now_ms - bar.drawn_ms < MS_BETWEEN_DRAWINGS) return;
    int filled = (int)((double)done / (double)bar.total * BAR_COLUMNS);
    double seconds = (now_ms - bar.start_ms) / 1000;
    fprintf(stderr, "\r[%.*s%*s] ", filled, "##############################", BAR_COLUMNS - filled,
            "");
    if (bar.percent)
        fprintf(stderr, "%zu %%\033[K", done);
    else
        fprintf(stderr, "%zu/%zu  %.1f a second\033[K", done, bar.total, (double)done / seconds);
    bar.drawn_ms = now_ms;
    bar.on_line = true;
}

void cli_progress_clear(void)
{
    if (bar.on_line) fputs("\r\033[K", stderr);
    bar.on_line = false;
}

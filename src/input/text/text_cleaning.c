/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/text_cleaning.h"

#include "base/status.h"

#include <string.h>

osprey_status osprey__text_cleaning_add_strip(osprey__text_steps *steps, const char *file,
                                              osprey_error *error)
{
    static const osprey__text_step strip = {.kind = OSPREY__STEP_STRIP,
                                            .flags = OSPREY__STEP_LEFT | OSPREY__STEP_RIGHT |
                                                     OSPREY__STEP_SEPARATORS};
    return osprey__text_steps_add(steps, &strip, file, error);
}

osprey_status osprey__text_cleaning_add_spaces(osprey__text_steps *steps, const char *file,
                                               osprey_error *error)
{
    static const osprey__text_step spaces = {.kind = OSPREY__STEP_SPACES,
                                             .flags = OSPREY__STEP_SEPARATORS,
                                             .count = 1,
                                             .to = {' '},
                                             .to_count = 1};
    OSPREY_TRY(osprey__text_steps_add(steps, &spaces, file, error));
    return osprey__text_cleaning_add_strip(steps, file, error);
}

osprey_status osprey__text_cleaning_add(osprey__text_steps *steps, const char *name,
                                        const char *file, osprey_error *error)
{
    static const osprey__text_step lower = {.kind = OSPREY__STEP_LOWER_WORDS},
                                   underlines = {.kind = OSPREY__STEP_REPLACE,
                                                 .from = {'_'},
                                                 .from_count = 1,
                                                 .to = {' '},
                                                 .to_count = 1};
    osprey__text_step remove = {.kind = OSPREY__STEP_REMOVE};
    const bool canonical = strcmp(name, "canonicalize") == 0, lowers = strcmp(name, "lower") == 0;
    if (!canonical && !lowers && strcmp(name, "whitespace") != 0)
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "\"clean\" is \"%s\"; there are canonicalize, lower and whitespace",
                            name);
    osprey__text_step_punctuation(remove.set);
    if (canonical) OSPREY_TRY(osprey__text_steps_add(steps, &underlines, file, error));
    if (canonical) OSPREY_TRY(osprey__text_steps_add(steps, &remove, file, error));
    if (canonical || lowers) OSPREY_TRY(osprey__text_steps_add(steps, &lower, file, error));
    return osprey__text_cleaning_add_spaces(steps, file, error);
}

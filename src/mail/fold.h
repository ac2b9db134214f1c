/* fold.h - the case of keys: Postfix, too, folds them as Unicode does. */
#ifndef PODOP_MAIL_FOLD_H
#define PODOP_MAIL_FOLD_H

#include "podop/buf.h"
#include "podop/span.h"

/* Appends text in Unicode's full case folding, of no language in particular and without
 * normalisation: "\xc3\x9f" (sharp s) becomes "ss". Of text that is not UTF-8 only the ASCII
 * letters are folded. */
void fold_case(struct span text, struct buf *out);

#endif

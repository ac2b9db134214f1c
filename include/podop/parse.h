/* parse.h - the result of a parser that takes one unit off the front of its input. */
#ifndef PODOP_PARSE_H
#define PODOP_PARSE_H

enum parse {
    PARSE_DONE, /* a unit was taken */
    PARSE_MORE, /* the unit is not complete: call again with more bytes */
    PARSE_BAD,  /* not a unit, whatever bytes follow */
};

#endif

/* parse.h - what a parser says of the bytes it was given. */
#ifndef PODOP_PARSE_H
#define PODOP_PARSE_H

enum parse {
    PARSE_DONE, /* one unit was taken off the front */
    PARSE_MORE, /* so far all is well, but the unit is not complete */
    PARSE_BAD,  /* no bytes that follow can mend it */
};

#endif

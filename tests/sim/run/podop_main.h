/* podop_main.h - main() of podop under another name. */
#ifndef SIM_PODOP_MAIN_H
#define SIM_PODOP_MAIN_H

/* Runs podop until it ends, and returns its exit status. Can be called again after that. */
int podop_main(int argc, char **argv);

#endif

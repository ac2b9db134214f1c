# Completion of podopctl(1) for bash.

_podopctl()
{
    local word=$2 i command='' options='--timeout --version --help'

    case $3 in
    -a | --as)
        mapfile -t COMPREPLY < <(compgen -W 'postfix dovecot' -- "$word")
        return
        ;;
    -s | --socket | -c | --control)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    -u | --user | -t | --timeout | --max | --interval)
        return
        ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -a | --as | -s | --socket | -c | --control | -u | --user | -t | --timeout | --max | --interval) ((i++)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    [[ $command == top ]] || options+=' --json'
    case $command in
    '') options+=' --socket --as --user --control' ;;
    explain | flush) options+=' --control --user' ;;
    reload | stats) options+=' --control' ;;
    top) options+=' --control --interval --once' ;;
    get) options+=' --socket --as --user --forms --control' ;;
    iterate) options+=' --socket --as --user --recurse --no-values --max' ;;
    *) options+=' --socket --as --user' ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    elif [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'get set unset inc iterate explain flush reload stats top' -- "$word")
    fi
}
complete -F _podopctl podopctl

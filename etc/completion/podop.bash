# Completion of podop(8) for bash.

_podop()
{
    local word=$2

    case $3 in
    -m | --mode)
        mapfile -t COMPREPLY < <(compgen -W 'auto postfix dovecot' -- "$word")
        ;;
    -T | --type)
        mapfile -t COMPREPLY < <(compgen -W 'url json dns program' -- "$word")
        ;;
    -c | --config | -s | --socket)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    -n | --name | -p | --param | --set) ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W '--config --socket --mode --name --type --param --set
            --check --verbose --version --help' -- "$word")
        ;;
    esac
}
complete -F _podop podop

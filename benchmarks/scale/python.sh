# Bash reads this before each command of a rule (BASH_ENV): programs of the study are measured, and those that
# would ask a language model ask the stub.
python() {
    local module=${2:-}
    if [ "${1:-}" = -m ] && [[ $module == study.* ]]; then
        shift 2
        case $module in
        study.llm.coding | study.llm.plan)
            PYTHONPATH="src:$SCALE_PACKAGES" "$SCALE_PYTHON" "$SCALE_PACKAGES/scale/measured.py" "$SCALE_RECORDS" "$module" \
                "$SCALE_PYTHON" -m scale.stubbed "$module" "$@"
            ;;
        *)
            "$SCALE_PYTHON" "$SCALE_PACKAGES/scale/measured.py" "$SCALE_RECORDS" "$module" \
                "$SCALE_PYTHON" -m "$module" "$@"
            ;;
        esac
    else
        command python "$@"
    fi
}

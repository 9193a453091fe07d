"""Entry point of the `clean` application; the run options in the template name it."""

from flink_apps.clean.job import main

if __name__ == "__main__":
    main()

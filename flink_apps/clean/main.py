"""Entry point of the `clean` application, named by the run options of the template."""

from flink_apps.clean.job import main

if __name__ == "__main__":
    main()

#!/bin/sh
# Miniflare runs this in place of workerd where only its configuration is wanted (workerd-config.ts): what workerd would
# read comes back.
exec cat

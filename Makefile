.DEFAULT_GOAL := help
.PHONY: help demo test test-deployments test-documents check synth deploy-local destroy-local bench truth clean
SCALE ?= demo
ENV ?= dev
FOR ?= local

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: ## deploy to this laptop, send shoppers' data through all five pillars, check and show the result
	@./c360 demo --scale $(SCALE)

test: ## set up and pass every test
	@./c360 test

test-deployments: ## pass the tests that deploy or start anew: single systems, databases, the marts' figures
	@./c360 test --only databases --only deployments --only figures

test-documents: ## follow every command of the documents in a copy of the tree
	@./c360 test --only documents

check: ## contracts, metrics, formatting, lint, types, import directions, locks, the site of docs
	@./c360 check

synth: ## write the cloud assembly of ENV (default dev); FOR=aws before a deployment there
	@./c360 synth --env $(ENV) --for $(FOR)

deploy-local: ## deploy the dev assembly to an emulator that stays until destroy-local
	@./c360 deploy-local

destroy-local: ## destroy that deployment and stop the emulator
	@./c360 destroy-local

bench: ## measure speed, as ratios against a peer in the same run
	@./c360 bench

truth: ## score the matching and the models against the known truth
	@./c360 truth

clean: ## remove everything that was built
	@./c360 clean

"""The methods of others, as fill methods: what vinpaint is measured against."""

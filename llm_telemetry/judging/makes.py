"""What keys of known makes begin with, where that alone tells them.

Which makes there are is kept by gitleaks (its rules' names, November 2026) and told by the providers themselves; what
has no beginning of its own is found by a key-like name before it, or by its entropy (`scrub.py`).
"""

from __future__ import annotations

MODELS = (
    *("gsk_", "xai-", "r8_", "pplx-", "nvapi-", "dapi", "csk-", "tgp_v1_", "sk-lf-", "pk-lf-", "lsv2_pt_", "lsv2_sk_"),
    *("tvly-", "jina_", "fc-", "voyage-", "api_org_", "hf_", "bfl_", "fw_"),
)
"""Servers of models, and what is used beside them."""

CLOUDS = (
    *("LTAI", "dop_v1_", "doo_v1_", "dor_v1_", "fo1_", "fm1_", "fm1r_", "fm2_", "HRKU-", "pul-", "atlasv1.", "hvs."),
    *("hvb.", "hvr.", "v1.0-", "ops_eyJ", "A3-", "p8e-", "AGE-SECRET-KEY-1", "EAAA", "AQVN", "ABSK"),
    *("bedrock-api-key-", "tfp_", "pscale_tkn_", "pscale_pw_", "pscale_oauth_", "sbp_", "sb_secret_"),
    *("napi_", "mdb_sa_sk_", "CLOUDFLARE_", "glc_", "glsa_", "eyJrIjoi", "dt0c01.", "NRAK-", "NRJS-", "NRII-", "NRRA-"),
    *("sntrys_", "sntryu_", "phc_", "phx_", "ddp_"),
)
"""Clouds, vaults, databases, and what watches them."""

TOOLS = (
    *("npm_", "pypi-", "rubygems_", "CLOJARS_", "AKCp", "cmVmd", "dckr_pat_", "dckr_oat_", "CCIPAT_", "CCIPRJ_"),
    *("bkua_", "sgp_", "lin_api_", "lin_oauth_", "ntn_", "secret_", "PMAK-", "rdme_", "figd_", "ATATT3", "ATCTT3"),
    *("dp.pt.", "dp.st.", "dp.ct.", "prefect_", "pnu_", "pat-na1-", "pat-eu1-", "xkeysib-", "SG.", "mlsn."),
    *("shpat_", "shpca_", "shppa_", "shpss_", "shippo_live_", "shippo_test_", "sq0atp-", "sq0csp-", "FLWSECK", "EZAK"),
    *("EZTK", "duffel_live_", "duffel_test_", "fio-u-", "amzn.mws.", "PIPEDREAM_", "patp_"),
)
"""Registries, trackers, mail, shops."""

"""What several tests share: servers, shells, browsers and builders."""

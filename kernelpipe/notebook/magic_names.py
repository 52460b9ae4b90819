"""The names of the line magics that a plain IPython kernel has."""

LINE_MAGICS = frozenset(
    """
    alias alias_magic autoawait autocall automagic autosave bookmark cat cd clear code_wrap
    colors conda config connect_info cp cpaste debug dhist dirs doctest_mode ed edit env gui
    hist history killbgscripts ldir less lf lk ll load load_ext loadpy logoff logon logstart
    logstate logstop ls lsmagic lx macro magic mamba man matplotlib micromamba mkdir more mv
    notebook page paste pastebin pdb pdef pdoc pfile pinfo pinfo2 pip popd pprint precision prun
    psearch psource pushd pwd pycat pylab qtconsole quickref recall rehashx reload_ext rep rerun
    reset reset_selective rm rmdir run save sc set_env store subshell sx system tb time timeit
    unalias unload_ext uv who who_ls whos xdel xmode
    """.split()
)
